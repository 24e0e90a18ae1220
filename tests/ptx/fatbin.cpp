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
#include <set>
#include <stdexcept>

#include "fatbin.hpp"

namespace ptx {
namespace {

constexpr std::uint32_t wrapper_magic = 0x466243b1;
constexpr std::uint32_t container_magic = 0xba55ed50;
constexpr std::size_t container_header_bytes = 16;
constexpr std::uint16_t kind_ptx = 1;
constexpr std::uint64_t compressed_flags = 0x2000 | 0x8000;

[[noreturn]] void refuse(std::string const& reason) {
  throw std::runtime_error("the program's device code cannot be run: " + reason);
}

/// `count` bytes from `begin` on.
std::string_view part(std::string_view bytes, std::uint64_t begin, std::uint64_t count) {
  if (begin > bytes.size() || count > bytes.size() - begin) {
    refuse("its fat binary is damaged, it ends too early");
  }
  return bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
}

template <class Number>
Number number_at(std::string_view bytes, std::size_t position) {
  Number number;
  std::memcpy(&number, part(bytes, position, sizeof number).data(), sizeof number);
  return number;
}

/// The entries, without the container's header.
std::string_view entries_of(std::string_view container) {
  if (number_at<std::uint32_t>(container, 0) != container_magic) {
    refuse("its fat binary is damaged, or of a kind that is not known");
  }
  return part(container, number_at<std::uint16_t>(container, 6), number_at<std::uint64_t>(container, 8));
}

bool is_compressed(std::string_view header) {
  return (number_at<std::uint64_t>(header, 40) & compressed_flags) != 0 || number_at<std::uint64_t>(header, 56) != 0;
}

}  // namespace

std::vector<EmbeddedText> embedded_texts(std::string_view container) {
  std::vector<EmbeddedText> texts;
  std::string_view rest = entries_of(container);
  while (!rest.empty()) {
    std::string_view const header = part(rest, 0, number_at<std::uint32_t>(rest, 4));
    std::string_view const payload = part(rest, header.size(), number_at<std::uint64_t>(header, 8));
    if (number_at<std::uint16_t>(header, 0) == kind_ptx) {
      std::string_view const text = payload.substr(0, payload.find('\0'));  // without the padding
      if (is_compressed(header) || text.find(".version") == text.npos) {
        refuse("its PTX is compressed; compile with nvcc -Xfatbin=-compress=false");
      }
      texts.push_back({static_cast<int>(number_at<std::uint32_t>(header, 28)), std::string(text)});
    }
    rest.remove_prefix(header.size() + payload.size());
  }
  if (texts.empty()) {
    refuse("it has no PTX; compile for an architecture with PTX, such as CMAKE_CUDA_ARCHITECTURES=90-virtual");
  }
  return texts;
}

std::vector<EmbeddedText> embedded_texts_of_wrapper(void const* wrapper) {
  struct {
    std::uint32_t magic;
    std::uint32_t version;
    char const* data;
  } fields;
  std::memcpy(&fields, wrapper, sizeof fields);
  if (fields.magic != wrapper_magic || fields.data == nullptr) {
    refuse("its fat binary is damaged, or of a kind that is not known");
  }
  std::string_view const header(fields.data, container_header_bytes);
  std::uint64_t const bytes = number_at<std::uint16_t>(header, 6) + number_at<std::uint64_t>(header, 8);
  return embedded_texts({fields.data, static_cast<std::size_t>(bytes)});
}

std::string const& text_for(int architecture, std::vector<EmbeddedText> const& texts) {
  EmbeddedText const* best = nullptr;
  std::set<int> known;
  for (EmbeddedText const& candidate : texts) {
    known.insert(candidate.architecture);
    bool const fits = architecture == 0 ? best == nullptr || candidate.architecture > best->architecture
                                        : best == nullptr && candidate.architecture == architecture;
    best = fits ? &candidate : best;
  }
  if (best == nullptr) {
    std::string list;
    for (int const other : known) {
      list += (list.empty() ? "sm_" : ", sm_") + std::to_string(other);
    }
    refuse("it has no PTX for sm_" + std::to_string(architecture) + ", only for " + list);
  }
  return best->text;
}

}  // namespace ptx
