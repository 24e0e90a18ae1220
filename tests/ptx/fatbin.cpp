// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The container, as nvcc 12 and 13 write it. All numbers are little-endian.
///
///     header        0 u32 magic, 4 u16 version, 6 u16 bytes of this header, 8 u64 bytes of all entries
///     each entry    0 u16 kind, 2 u16 version, 4 u32 bytes of this header, 8 u64 bytes of the payload, which follows,
///                  28 u32 architecture
///                  40 u64 flags: 0x2000 LZ4, 0x8000 Zstandard
///                  56 u64 bytes once decompressed, if it is compressed

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "fatbin.hpp"

namespace ptx {
namespace {

void require(bool condition, std::string const& reason) {
  if (!condition) {
    throw std::runtime_error("the program's device code cannot be run: " + reason);
  }
}

/// `count` bytes from `begin` on.
std::string_view part(std::string_view bytes, std::uint64_t begin, std::uint64_t count) {
  require(begin <= bytes.size() && count <= bytes.size() - begin, "its fat binary is damaged, it ends too early");
  return bytes.substr(begin, count);
}

template <class Number>
Number number_at(std::string_view bytes, std::size_t position) {
  Number number;
  std::memcpy(&number, part(bytes, position, sizeof number).data(), sizeof number);
  return number;
}

/// The entries, without the container's header.
std::string_view entries_of(void const* wrapper) {
  struct {
    std::uint32_t magic, version;
    char const* data;
  } fields;
  std::memcpy(&fields, wrapper, sizeof fields);
  std::string_view const header(fields.data, 16);
  bool const is_known = fields.magic == 0x466243b1 && number_at<std::uint32_t>(header, 0) == 0xba55ed50;
  require(is_known, "its fat binary is damaged, or of a kind that is not known");
  return {fields.data + number_at<std::uint16_t>(header, 6), number_at<std::uint64_t>(header, 8)};
}

}  // namespace

std::map<int, std::string> embedded_texts(void const* wrapper) {
  constexpr std::uint16_t kind_ptx = 1;
  constexpr std::uint64_t compressed_flags = 0x2000 | 0x8000;
  std::map<int, std::string> texts;
  for (std::string_view rest = entries_of(wrapper); !rest.empty();) {
    std::string_view const header = part(rest, 0, number_at<std::uint32_t>(rest, 4));
    std::string_view const payload = part(rest, header.size(), number_at<std::uint64_t>(header, 8));
    if (number_at<std::uint16_t>(header, 0) == kind_ptx) {
      std::string_view const text = payload.substr(0, payload.find('\0'));  // without the padding
      bool const is_compressed = (number_at<std::uint64_t>(header, 40) & compressed_flags) != 0 ||
                                 number_at<std::uint64_t>(header, 56) != 0 || text.find(".version") == text.npos;
      require(!is_compressed, "its PTX is compressed; compile with nvcc -Xfatbin=-compress=false");
      texts.emplace(number_at<std::int32_t>(header, 28), text);
    }
    rest.remove_prefix(header.size() + payload.size());
  }
  require(!texts.empty(),
          "it has no PTX; compile for an architecture with PTX, such as CMAKE_CUDA_ARCHITECTURES=90-virtual");
  return texts;
}

std::string const& text_for(int architecture, std::map<int, std::string> const& texts) {
  std::string known;
  for (auto const& text : texts) {
    known += (known.empty() ? "sm_" : ", sm_") + std::to_string(text.first);
  }
  auto const found = architecture == 0 ? std::prev(texts.end()) : texts.find(architecture);
  require(found != texts.end(), "it has no PTX for sm_" + std::to_string(architecture) + ", only for " + known);
  return found->second;
}

}  // namespace ptx
