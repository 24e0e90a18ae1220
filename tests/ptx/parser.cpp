// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "kernel_parser.hpp"
#include "parser.hpp"
#include "registers.hpp"

namespace ptx {
namespace {

/// Versions of PTX that the tests of the kernels passed with.
constexpr std::array<std::string_view, 1> tested_versions{"9.0"};  // nvcc 13.0

/// Blanks instead of comments, so that lines and columns stay.
std::string without_comments(std::string text) {
  bool in_string = false;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '"') {
      in_string = !in_string;
    } else if (!in_string && text[at] == '/' && (text[at + 1] == '/' || text[at + 1] == '*')) {
      bool const is_line = text[at + 1] == '/';
      std::size_t const found = is_line ? text.find('\n', at) : text.find("*/", at + 2);
      std::size_t const end = found == std::string::npos ? text.size() : is_line ? found : found + 2;
      std::replace_if(
        text.begin() + static_cast<std::ptrdiff_t>(at), text.begin() + static_cast<std::ptrdiff_t>(end),
        [](char character) { return character != '\n'; }, ' ');
      at = end - 1;
    }
  }
  return text;
}

/// Where the braces that open at `begin` close: the position behind.
std::size_t end_of_braces(std::string_view text, std::size_t begin) {
  int depth = 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    depth += text[at] == '{' ? 1 : text[at] == '}' ? -1 : 0;
    if (depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

/// All of the declarations, one after the other: to a semicolon, or to the end of the braces of a kernel or function.
class ModuleParser {
public:
  explicit ModuleParser(std::string const& text)
      : text_(std::make_shared<std::string const>(without_comments(text))),
        files_(std::make_shared<std::map<int, std::string>>()) {}

  void parse() {
    std::string_view const text = *text_;
    for (std::size_t at = 0; (at = skip_blanks(at)) < text.size();) {
      std::string_view const rest = text.substr(at);
      std::size_t const line_end = std::min(text.find('\n', at), text.size());
      if (starts_with(rest, ".version")) {
        version = std::string(trimmed(text.substr(at + 8, line_end - at - 8)));
        at = line_end;
      } else if (starts_with(rest, ".target")) {
        target = std::string(trimmed(text.substr(at + 7, line_end - at - 7)));
        at = line_end;
      } else if (starts_with(rest, ".file")) {
        parse_file(text.substr(at + 5, line_end - at - 5));
        at = line_end;
      } else if (starts_with(rest, ".address_size") || starts_with(rest, ".loc")) {
        at = line_end;
      } else {
        at = parse_declaration(at);
      }
    }
    for (auto& kernel : kernels) {
      kernel.second.shared_variables = shared_variables_;
      kernel.second.files = files_;
    }
  }

  std::string version, target;
  std::map<std::string, KernelText> kernels;
  std::shared_ptr<std::map<int, std::string> const> files() const { return files_; }

private:
  static bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
  }

  std::size_t skip_blanks(std::size_t at) {
    while (at < text_->size() && std::isspace(static_cast<unsigned char>((*text_)[at])) != 0) {
      ++at;
    }
    return at;
  }

  int line_of(std::size_t position) {
    line_ += static_cast<int>(std::count(text_->begin() + static_cast<std::ptrdiff_t>(counted_),
                                         text_->begin() + static_cast<std::ptrdiff_t>(position), '\n'));
    counted_ = position;
    return line_;
  }

  void parse_file(std::string_view text) {
    auto const open = text.find('"'), close = text.find('"', open + 1);
    if (close != std::string_view::npos) {
      (*files_)[static_cast<int>(parse_number(trimmed(text.substr(0, open))))] =
        std::string(text.substr(open + 1, close - open - 1));
    }
  }

  /// Returns where it ends.
  std::size_t parse_declaration(std::size_t begin) {
    std::string_view const text = *text_;
    int const line = line_of(begin);
    std::size_t const semicolon = text.find(';', begin), brace = text.find('{', begin);
    if (semicolon == std::string_view::npos && brace == std::string_view::npos) {
      throw error_at(line, "unknown declaration", text.substr(begin));
    }
    std::string_view const head = text.substr(begin, std::min(semicolon, brace) - begin);
    if (brace > semicolon) {
      if (head.find(".shared") != std::string_view::npos) {
        shared_variables_.push_back(head);
      }
      return semicolon + 1;
    }
    std::size_t const end = end_of_braces(text, brace);
    if (end == std::string_view::npos) {
      throw error_at(line, "braces without an end", head);
    }
    if (auto const entry = head.find(".entry"); entry != std::string_view::npos) {
      std::string_view const behind = trimmed(head.substr(entry + 6));
      KernelText kernel;
      kernel.text = text_;
      kernel.header = head;
      kernel.header_line = line;
      kernel.body = text.substr(brace + 1, end - brace - 2);
      kernel.body_line = line_of(brace);
      std::string const name(trimmed(behind.substr(0, behind.find_first_of("( \t\r\n"))));
      if (name.empty()) {
        throw error_at(line, "kernel without a name", head);
      }
      kernels[name] = std::move(kernel);
    }
    return end;  // other braces: functions, initial values, sections of the debugger
  }

  std::shared_ptr<std::string const> text_;
  std::shared_ptr<std::map<int, std::string>> files_;
  std::vector<std::string_view> shared_variables_;
  int line_ = 1;
  std::size_t counted_ = 0;
};

}  // namespace

Kernel* Program::kernel(std::string const& name) {
  auto const found = kernels_.find(name);
  if (found == kernels_.end()) {
    return nullptr;
  }
  KernelText& text = found->second;
  if (text.kernel == nullptr) {
    text.kernel = parse_kernel(name, text);
  }
  return text.kernel.get();
}

std::vector<std::string> Program::kernel_names() const {
  std::vector<std::string> names;
  for (auto const& kernel : kernels_) {
    names.push_back(kernel.first);
  }
  return names;
}

std::vector<std::string> Program::source_files() const {
  std::vector<std::string> names;
  if (files_ != nullptr) {
    for (auto const& file : *files_) {
      names.push_back(file.second);
    }
  }
  return names;
}

void Program::add(std::string const& text) {
  ModuleParser parser(text);
  parser.parse();
  for (auto& [name, kernel] : parser.kernels) {
    kernels_[name] = std::move(kernel);
  }
  files_ = parser.files();
  version_ = parser.version;
  target_ = parser.target;
}

std::string Kernel::describe_place(int place) const {
  constexpr int most = 6;
  std::string text;
  for (int at = place, n = 0; at > 0 && n < most; ++n) {
    SourcePlace const& source = places[static_cast<std::size_t>(at)];
    text += (n == 0 ? " " : " < ") + source.file + ":" + std::to_string(source.line);
    at = source.caller;
  }
  return text;
}

Program& program() {
  static Program& value = *new Program;
  return value;
}

void load(std::string const& text) { program().add(text); }

std::string obstacle(std::string const& text) {
  try {
    Program candidate;
    candidate.add(text);
    if (std::find(tested_versions.begin(), tested_versions.end(), candidate.version()) == tested_versions.end()) {
      return "PTX version " + candidate.version() + " was not tested with the interpreter, only 9.0 (nvcc 13.0)";
    }
    for (std::string const& name : candidate.kernel_names()) {
      candidate.kernel(name);
    }
  } catch (std::runtime_error const& error) {
    return error.what();
  }
  return "";
}

}  // namespace ptx
