// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Which method runs with which networks, and with which sizes and weights if nothing is said.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "settings.hpp"

namespace translate {

struct MethodEntry {
  char const* name;
  std::vector<Networks> networks;  ///< That it runs with; the first where nothing else fits.
  bool reads_both;                 ///< Its generator reads images of both domains, so that they need equal channels.
};

struct NetworksEntry {
  char const* name;
  std::int64_t least_size;  ///< Height and width of images, a multiple of 4.
};

/// In the order of Method.
std::vector<MethodEntry> const& method_entries();

/// In the order of Networks.
std::vector<NetworksEntry> const& networks_entries();

inline MethodEntry const& entry_of(Method method) { return method_entries().at(static_cast<std::size_t>(method)); }

/// Networks, sizes and weights as their papers have them, for settings.method, settings.direction and, where they are not
/// 0, the size of images.
///
/// @param networks  Of these; if empty, those that fit the method and the data.
void set_defaults(Settings& settings, std::optional<Networks> networks = {});

/// @throws std::invalid_argument with the table of combinations if the method does not run with the networks or the size.
void require_combination(Settings const& settings);

}  // namespace translate
