// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <stdexcept>

#include "combinations.hpp"

namespace translate {

std::vector<MethodEntry> const& method_entries() {
  static std::vector<Networks> const any{Networks::digits, Networks::gcgan_digits, Networks::resnet},
    with_features{Networks::digits, Networks::resnet}, own{Networks::ugatit};
  static std::vector<MethodEntry> const entries{
    {"gan", any, false},          {"cyclegan", any, false},         {"gcgan-rot", any, false},
    {"gcgan-vf", any, false},     {"cycle-rot", any, false},        {"cycle-vf", any, false},
    {"cut", with_features, true}, {"fastcut", with_features, true}, {"ugatit-light", own, true},
  };
  return entries;
}

std::vector<NetworksEntry> const& networks_entries() {
  // PatchGAN of 24 pixels decides on one piece; U-GAT-IT's global discriminator halves 96 pixels to 3 and reflects them.
  static std::vector<NetworksEntry> const entries{{"digits", 16}, {"gcgan-digits", 32}, {"resnet", 24}, {"ugatit", 96}};
  return entries;
}

void set_defaults(Settings& settings, std::optional<Networks> networks) {
  auto const method = settings.method;
  bool const has_folders = is_folders(settings.direction);
  auto const& possible = entry_of(method).networks;
  settings.networks = networks ? *networks : has_folders ? possible.back() : possible.front();
  bool const is_of_gcgan = settings.networks == Networks::gcgan_digits;
  bool const is_digits = settings.networks == Networks::digits, is_ugatit = settings.networks == Networks::ugatit;
  bool const is_cut = method == Method::cut || method == Method::fastcut;
  bool const is_gcgan = method == Method::gcgan_rot || method == Method::gcgan_vf;
  settings.size = has_folders ? 256 : 32;
  settings.batch = is_of_gcgan ? 64 : is_digits ? 32 : 1;
  settings.width = settings.discriminator_width = is_digits ? 32 : 64;
  settings.residual_blocks = is_of_gcgan ? 2 : is_digits || is_ugatit ? 4 : 9;
  settings.generator_rate = settings.discriminator_rate = is_ugatit ? 1e-4 : 2e-4;
  settings.weight_decay = is_ugatit ? 1e-4 : 0;
  settings.identity_weight = is_ugatit ? 10 : has_folders && is_gcgan ? 5 : 0;
  settings.nce_weight = method == Method::fastcut ? 10 : 1;
  settings.pool = settings.networks == Networks::resnet && !is_cut ? 50 : 0;
}

void require_combination(Settings const& settings) {
  auto const& possible = entry_of(settings.method).networks;
  auto const& networks = networks_entries().at(static_cast<std::size_t>(settings.networks));
  bool const fits = std::count(possible.begin(), possible.end(), settings.networks) > 0;
  if (fits && settings.size >= networks.least_size && settings.size % 4 == 0) {
    return;
  }
  std::string table = "--method " + std::string(entry_of(settings.method).name) + " does not run with --networks " +
                      networks.name + " on images of " + std::to_string(settings.size) + " pixels; there are:";
  for (std::size_t k = 0; k < networks_entries().size(); ++k) {
    auto const& entry = networks_entries()[k];
    table += (k == 0 ? " " : "; ") + std::string(entry.name) + " (from " + std::to_string(entry.least_size) +
             " pixels, a multiple of 4):";
    for (auto const& method : method_entries()) {
      if (std::count(method.networks.begin(), method.networks.end(), static_cast<Networks>(k)) > 0) {
        table += std::string(" ") + method.name;
      }
    }
  }
  throw std::invalid_argument(table);
}

}  // namespace translate
