// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "instructions.hpp"
#include "kernel_parser.hpp"

namespace ptx {
namespace {

/// A variable as PTX declares it: ".shared .align 16 .b8 name[64]", ".param .u64 name".
struct Variable {
  std::string_view name;
  std::size_t alignment = 1, bytes = 0;
};

std::size_t aligned(std::size_t offset, std::size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

bool is_name_character(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '_' || character == '$' ||
         character == '%';
}

Variable parse_variable(std::string_view text) {
  Variable variable;
  std::size_t element = 1, count = 1;
  bool has_alignment = false, is_pointer = false;
  for (std::size_t at = 0; at < text.size();) {
    at = text.find_first_not_of(" \t\r\n", at);
    if (at == std::string_view::npos) {
      break;
    }
    std::size_t const end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    std::string_view const word = text.substr(at, end - at);
    at = end;
    Type type{};
    if (word == ".align") {
      std::size_t const begin = text.find_first_not_of(" \t", at);
      at = std::min(text.find_first_not_of("0123456789", begin), text.size());
      if (!is_pointer) {  // or it is about what a pointer points to
        variable.alignment = parse_number(text.substr(begin, at - begin));
        has_alignment = true;
      }
    } else if (word == ".ptr") {
      is_pointer = true;
    } else if (word[0] == '.') {
      if (find_type(word.substr(1), type)) {
        element = static_cast<std::size_t>(bytes_of(type));
      }
    } else {
      auto const bracket = word.find('[');
      variable.name = word.substr(0, bracket);
      if (bracket != std::string_view::npos) {
        std::string_view const size = word.substr(bracket + 1, word.find(']') - bracket - 1);
        count = size.empty() ? 0 : parse_number(size);
      }
    }
  }
  if (variable.name.empty()) {
    throw std::runtime_error("variable without a name");
  }
  if (!has_alignment) {
    variable.alignment = element;
  }
  variable.bytes = element * count;
  return variable;
}

class KernelParser {
public:
  KernelParser(std::string const& name, KernelText const& text)
      : text_(text),
        kernel_(std::make_unique<Kernel>()),
        registers_(*kernel_),
        fixups_(1),
        labels_(1) {
    kernel_->name = name;
    kernel_->text = text.text;
    kernel_->places.emplace_back();
  }

  std::unique_ptr<Kernel> parse() {
    at_line(text_.header_line, text_.header, [&] { parse_header(); });
    line_ = text_.body_line;
    parse_body();
    close_scope();
    Instruction end;
    end.kind = Kind::exit;
    end.opcode = "ret";
    kernel_->code.push_back(end);
    for (Instruction const& instruction : kernel_->code) {
      if (instruction.kind == Kind::branch) {
        kernel_->code[static_cast<std::size_t>(instruction.target)].starts_basic_block = true;
      }
    }
    kernel_->executed.resize(kernel_->code.size());
    kernel_->active_lanes.resize(kernel_->code.size());
    return std::move(kernel_);
  }

private:
  /// A branch whose label is not known yet.
  struct Fixup {
    std::size_t position;
    std::string_view label;
  };

  template <class Work>
  static void at_line(int line, std::string_view text, Work work) {
    try {
      work();
    } catch (std::runtime_error const& error) {
      throw error_at(line, error.what(), text);
    }
  }

  void parse_header() {
    std::string_view const header = text_.header;
    auto const open = header.find('('), close = header.find(')');
    std::string_view behind = header;
    if (open != std::string_view::npos && close != std::string_view::npos) {
      behind = header.substr(close);
      for (std::string_view const declaration : split(header.substr(open + 1, close - open - 1), ',')) {
        Variable const parameter = parse_variable(declaration);
        std::size_t const offset = aligned(kernel_->parameter_bytes, parameter.alignment);
        registers_.add_symbol(parameter.name, offset);
        kernel_->parameters.push_back({offset, parameter.bytes});
        kernel_->parameter_bytes = offset + parameter.bytes;
      }
    }
    kernel_->most_threads = thread_count(behind, ".maxntid");
    kernel_->required_threads = thread_count(behind, ".reqntid");
  }

  /// The product of the numbers behind a directive, 0 if it is not there.
  static int thread_count(std::string_view header, std::string_view directive) {
    auto const found = header.find(directive);
    if (found == std::string_view::npos) {
      return 0;
    }
    std::string_view numbers = header.substr(found + directive.size());
    numbers = numbers.substr(0, numbers.find_first_not_of(" \t\r\n,0123456789"));
    int product = 1;
    for (std::string_view const number : split(numbers, ',')) {
      product *= static_cast<int>(parse_number(number));
    }
    return product;
  }

  void open_scope() {
    registers_.open_scope();
    fixups_.emplace_back();
    labels_.emplace_back();
  }

  /// Resolves the branches of the scope; what it does not have may be a label of the scope around it.
  void close_scope() {
    std::vector<Fixup> const fixups = std::move(fixups_.back());
    auto const labels = std::move(labels_.back());
    fixups_.pop_back();
    labels_.pop_back();
    for (Fixup const& fixup : fixups) {
      auto const found = labels.find(fixup.label);
      if (found != labels.end()) {
        kernel_->code[fixup.position].target = static_cast<int>(found->second);
      } else if (!fixups_.empty()) {
        fixups_.back().push_back(fixup);
      } else {
        throw error_at(kernel_->code[fixup.position].line, "unknown label", fixup.label);
      }
    }
  }

  void place_shared_variable(Variable const& variable) {
    std::size_t const offset = aligned(kernel_->static_shared_bytes, variable.alignment);
    registers_.add_symbol(variable.name, offset);
    kernel_->static_shared_bytes = offset + variable.bytes;
  }

  /// Those that the kernel names; dynamic ones begin behind all others.
  void place_shared_variables_of_module() {
    std::vector<Variable> dynamic;
    for (std::string_view const declaration : text_.shared_variables) {
      Variable const variable = parse_variable(declaration);
      if (text_.body.find(variable.name) == std::string_view::npos) {
        continue;
      }
      if (variable.bytes == 0) {
        dynamic.push_back(variable);
      } else {
        place_shared_variable(variable);
      }
    }
    std::size_t& end = kernel_->static_shared_bytes;
    for (Variable const& variable : dynamic) {
      end = aligned(end, std::max<std::size_t>(variable.alignment, 16));
    }
    for (Variable const& variable : dynamic) {
      registers_.add_symbol(variable.name, end);
    }
  }

  void parse_body() {
    std::string_view const body = text_.body;
    for (std::size_t at = 0; at < body.size();) {
      char const character = body[at];
      if (character == '\n') {
        ++line_;
        ++at;
      } else if (std::isspace(static_cast<unsigned char>(character)) != 0 || character == ';') {
        ++at;
      } else if (character == '{') {
        open_scope();
        ++at;
      } else if (character == '}') {
        registers_.close_scope();
        close_scope();
        ++at;
      } else if (body.substr(at, 4) == ".loc") {
        std::size_t const end = std::min(body.find('\n', at), body.size());
        parse_place(body.substr(at + 4, end - at - 4));
        at = end;
      } else if (std::size_t const length = label_length(body.substr(at)); length > 0) {
        std::string_view const label = body.substr(at, length);
        labels_.back()[trimmed(label.substr(0, label.size() - 1))] = kernel_->code.size();
        at += length;
      } else {
        std::size_t const end = std::min(body.find(';', at), body.size());
        std::string_view const statement = body.substr(at, end - at);
        at_line(line_, statement, [&] { parse_statement(statement); });
        line_ += static_cast<int>(std::count(statement.begin(), statement.end(), '\n'));
        at = end;
      }
    }
  }

  /// Length of "name:" at the begin of the text, 0 if there is no label.
  static std::size_t label_length(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && is_name_character(text[end])) {
      ++end;
    }
    std::size_t const name_end = end;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\t')) {
      ++end;
    }
    return name_end > 0 && end < text.size() && text[end] == ':' ? end + 1 : 0;
  }

  void parse_statement(std::string_view text) {
    if (text[0] != '.') {
      parse_instruction(text);
    } else if (text.substr(0, 4) == ".reg") {
      registers_.declare(text.substr(4));
    } else if (text.substr(0, 7) == ".shared") {
      place_shared_variable(parse_variable(text));
    } else if (text.substr(0, 7) != ".pragma") {
      throw std::runtime_error("unknown directive");
    }
  }

  void parse_instruction(std::string_view text) {
    if (!has_placed_shared_variables_) {
      has_placed_shared_variables_ = true;
      place_shared_variables_of_module();
    }
    Statement statement;
    statement.text = text;
    std::size_t at = 0;
    if (text[0] == '@') {
      at = text.find_first_not_of(" \t", 1);
      statement.guard_is_negated = text[at] == '!';
      at += statement.guard_is_negated ? 1 : 0;
      std::size_t const end = text.find_first_of(" \t\r\n", at);
      statement.guard = text.substr(at, end - at);
      at = text.find_first_not_of(" \t\r\n", end);
    }
    std::size_t const end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    statement.opcode = text.substr(at, end - at);
    statement.operands = split(text.substr(end), ',');
    Instruction instruction = decode(statement, registers_);
    instruction.line = line_;
    instruction.place = place_;
    if (instruction.kind == Kind::branch) {
      if (statement.operands.size() != 1) {
        throw std::runtime_error("unknown operands of a branch");
      }
      fixups_.back().push_back({kernel_->code.size(), statement.operands[0]});
    }
    kernel_->code.push_back(instruction);
  }

  /// "1 20 3, function_name $L__info_string0, inlined_at 1 40 5": file, line and column, and those of the call, which
  /// was given as a place before.
  void parse_place(std::string_view text) {
    constexpr std::string_view inlined_at = "inlined_at";
    auto const call = text.find(inlined_at);
    int caller = -1;
    if (call != std::string_view::npos) {
      auto const found = last_place_at_.find(position_key(text.substr(call + inlined_at.size())));
      caller = found == last_place_at_.end() ? -1 : found->second;
    }
    std::string const position = position_key(text);
    auto const [known, is_new] =
      place_numbers_.emplace(position + "@" + std::to_string(caller), static_cast<int>(kernel_->places.size()));
    if (is_new) {
      int const file = std::atoi(position.c_str());
      auto const name = text_.files->find(file);
      std::string const whole = name == text_.files->end() ? std::string() : name->second;
      kernel_->places.push_back(
        {whole.substr(whole.rfind('/') + 1), std::atoi(position.c_str() + position.find(' ')), caller});
    }
    place_ = known->second;
    last_place_at_[position] = place_;
  }

  /// "file line column"
  static std::string position_key(std::string_view text) {
    std::string key;
    int numbers = 0;
    for (char const character : text) {
      if (std::isdigit(static_cast<unsigned char>(character)) != 0) {
        key += character;
      } else if (!key.empty() && key.back() != ' ') {
        if (++numbers == 3) {
          break;
        }
        key += ' ';
      }
    }
    return key;
  }

  KernelText const& text_;
  std::unique_ptr<Kernel> kernel_;
  Registers registers_;
  std::vector<std::vector<Fixup>> fixups_;                                 // by scope
  std::vector<std::unordered_map<std::string_view, std::size_t>> labels_;  // by scope
  std::unordered_map<std::string, int> place_numbers_, last_place_at_;
  int line_ = 0, place_ = 0;
  bool has_placed_shared_variables_ = false;
};

}  // namespace

std::runtime_error error_at(int line, std::string const& what, std::string_view text) {
  constexpr std::size_t most = 120;
  std::string shown(text.substr(0, most));
  std::replace_if(
    shown.begin(), shown.end(), [](unsigned char character) { return std::isspace(character) != 0; }, ' ');
  return std::runtime_error("PTX line " + std::to_string(line) + ": " + what + ": " + shown);
}

std::unique_ptr<Kernel> parse_kernel(std::string const& name, KernelText const& text) {
  return KernelParser(name, text).parse();
}

}  // namespace ptx
