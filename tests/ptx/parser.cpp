// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Reads PTX: the declarations of a module at once, each of its kernels when it is first asked for.

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "decoder.hpp"

namespace ptx {
namespace {

/// Versions of PTX that the tests of the kernels passed with, and the compilers that write them.
constexpr std::pair<std::string_view, std::string_view> tested_versions[] = {{"9.0", "nvcc 13.0"}};

bool is_blank(char character) { return std::isspace(static_cast<unsigned char>(character)) != 0; }
bool is_digit(char character) { return std::isdigit(static_cast<unsigned char>(character)) != 0; }
bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }
std::ptrdiff_t line_ends(std::string_view text) { return std::count(text.begin(), text.end(), '\n'); }

/// "PTX line N: what it is: text", the text shortened to one line.
std::runtime_error error_at(int line, std::string const& what, std::string_view text) {
  std::string shown(text.substr(0, 120));
  std::replace_if(shown.begin(), shown.end(), is_blank, ' ');
  return std::runtime_error("PTX line " + std::to_string(line) + ": " + what + ": " + shown);
}

/// Blanks instead of comments, so that lines and columns stay.
std::string without_comments(std::string text) {
  bool in_string = false;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    in_string ^= text[at] == '"';
    bool const is_line = text.compare(at, 2, "//") == 0;
    if (!in_string && (is_line || text.compare(at, 2, "/*") == 0)) {
      std::size_t const found = is_line ? text.find('\n', at) : text.find("*/", at + 2);
      std::size_t const end = found == text.npos ? text.size() : is_line ? found : found + 2;
      for (; at < end; ++at) {
        text[at] = text[at] == '\n' ? '\n' : ' ';
      }
      --at;
    }
  }
  return text;
}

/// A variable as PTX declares it: ".shared .align 16 .b8 name[64]", ".param .u64 name".
struct Variable {
  std::string_view name;
  std::size_t alignment = 0, bytes = 0;

  std::size_t place_behind(std::size_t offset) const { return (offset + alignment - 1) / alignment * alignment; }
};

Variable parse_variable(std::string_view text) {
  Variable variable;
  std::size_t element = 1, count = 1;
  bool is_pointer = false;
  while (!(text = trimmed(text)).empty()) {
    std::string_view const word = take_until(text, blanks);
    if (word == ".align") {
      text = trimmed(text);
      std::size_t const alignment = parse_number(take_until(text, blanks));
      variable.alignment = is_pointer ? variable.alignment : alignment;  // of the pointer, not of what it points to
    } else if (word == ".ptr") {
      is_pointer = true;
    } else if (word[0] == '.') {
      std::optional<Type> const type = find_type(word.substr(1));
      element = type ? static_cast<std::size_t>(type->bytes) : element;
    } else {
      auto const bracket = word.find('[');
      variable.name = word.substr(0, bracket);
      if (bracket != word.npos) {
        std::string_view const size = word.substr(bracket + 1, word.find(']') - bracket - 1);
        count = size.empty() ? 0 : parse_number(size);
      }
    }
  }
  require(!variable.name.empty(), "variable without a name");
  variable.alignment = variable.alignment == 0 ? element : variable.alignment;
  variable.bytes = element * count;
  return variable;
}

// -------------------------------------------------------------------------------------------------------------- kernels

class KernelParser {
public:
  KernelParser(std::string const& name, KernelText const& text)
      : text_(text),
        kernel_(std::make_unique<Kernel>()),
        registers_(*kernel_),
        scopes_(1) {
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
        kernel_->code[instruction.target].starts_basic_block = true;
      }
    }
    kernel_->executed.resize(kernel_->code.size());
    return std::move(kernel_);
  }

private:
  struct Scope {
    std::unordered_map<std::string_view, std::size_t> labels;
    std::vector<std::pair<std::size_t, std::string_view>> branches;  ///< Position and label of those to be resolved
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
    if (open != header.npos && close != header.npos) {
      for (std::string_view const declaration : split(header.substr(open + 1, close - open - 1), ',')) {
        Variable const parameter = parse_variable(declaration);
        std::size_t const offset = parameter.place_behind(kernel_->parameter_bytes);
        registers_.add_symbol(parameter.name, offset);
        kernel_->parameters.push_back({offset, parameter.bytes});
        kernel_->parameter_bytes = offset + parameter.bytes;
      }
    }
    kernel_->most_threads = thread_count(header, ".maxntid");
    kernel_->required_threads = thread_count(header, ".reqntid");
  }

  /// The product of the numbers behind a directive, 0 if it is not there.
  static unsigned thread_count(std::string_view header, std::string_view directive) {
    auto const found = header.find(directive);
    if (found == header.npos) {
      return 0;
    }
    std::string_view numbers = header.substr(found + directive.size());
    numbers = numbers.substr(0, numbers.find_first_not_of(" \t\r\n,0123456789"));
    std::uint64_t product = 1;
    for (std::string_view const number : split(numbers, ',')) {
      product *= parse_number(number);
    }
    return static_cast<unsigned>(product);
  }

  /// Resolves the branches of the scope; what it does not have may be a label of the scope around it.
  void close_scope() {
    Scope const scope = std::move(scopes_.back());
    scopes_.pop_back();
    for (auto const& branch : scope.branches) {
      auto const found = scope.labels.find(branch.second);
      if (found != scope.labels.end()) {
        kernel_->code[branch.first].target = found->second;
      } else if (!scopes_.empty()) {
        scopes_.back().branches.push_back(branch);
      } else {
        throw error_at(kernel_->code[branch.first].line, "unknown label", branch.second);
      }
    }
  }

  void place_shared_variable(Variable const& variable) {
    std::size_t const offset = variable.place_behind(kernel_->static_shared_bytes);
    registers_.add_symbol(variable.name, offset);
    kernel_->static_shared_bytes = offset + variable.bytes;
  }

  /// Those that the kernel names; dynamic ones begin behind all others.
  void place_shared_variables_of_module() {
    std::vector<Variable> dynamic;
    std::size_t& end = kernel_->static_shared_bytes;
    for (std::string_view const declaration : text_.shared_variables) {
      Variable const variable = parse_variable(declaration);
      bool const is_used = text_.body.find(variable.name) != text_.body.npos;
      if (is_used && variable.bytes == 0) {
        dynamic.push_back(variable);
        dynamic.back().alignment = std::max<std::size_t>(variable.alignment, 16);
      } else if (is_used) {
        place_shared_variable(variable);
      }
    }
    for (Variable const& variable : dynamic) {
      end = variable.place_behind(end);
    }
    for (Variable const& variable : dynamic) {
      registers_.add_symbol(variable.name, end);
    }
  }

  void parse_body() {
    for (std::string_view rest = text_.body; !rest.empty();) {
      if (is_blank(rest[0]) || rest[0] == ';') {
        line_ += rest[0] == '\n' ? 1 : 0;
        rest.remove_prefix(1);
      } else if (rest[0] == '{') {
        registers_.open_scope();
        scopes_.emplace_back();
        rest.remove_prefix(1);
      } else if (rest[0] == '}') {
        registers_.close_scope();
        close_scope();
        rest.remove_prefix(1);
      } else if (starts_with(rest, ".loc")) {
        parse_place(take_until(rest, "\n").substr(4));
      } else if (std::size_t const length = label_length(rest); length > 0) {
        scopes_.back().labels[trimmed(rest.substr(0, length - 1))] = kernel_->code.size();
        rest.remove_prefix(length);
      } else {
        std::string_view const statement = take_until(rest, ";");
        at_line(line_, statement, [&] { parse_statement(statement); });
        line_ += static_cast<int>(line_ends(statement));
      }
    }
  }

  /// Length of "name:" at the begin of the text, 0 if there is no label.
  static std::size_t label_length(std::string_view text) {
    auto const is_of_name = [](char character) {
      return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '_' || character == '$' ||
             character == '%';
    };
    auto const name_end = std::find_if_not(text.begin(), text.end(), is_of_name);
    auto const colon = std::find_if_not(name_end, text.end(), is_blank);
    bool const is_label = name_end != text.begin() && colon != text.end() && *colon == ':';
    return is_label ? static_cast<std::size_t>(colon - text.begin()) + 1 : 0;
  }

  void parse_statement(std::string_view text) {
    if (text[0] != '.') {
      parse_instruction(text);
    } else if (starts_with(text, ".reg")) {
      registers_.declare(text.substr(4));
    } else if (starts_with(text, ".shared")) {
      place_shared_variable(parse_variable(text));
    } else {
      require(starts_with(text, ".pragma"), "unknown directive");
    }
  }

  void parse_instruction(std::string_view text) {
    text = trimmed(text);
    if (!std::exchange(has_placed_shared_variables_, true)) {
      place_shared_variables_of_module();
    }
    Instruction instruction = decode(text, registers_);
    instruction.line = line_;
    instruction.place = place_;
    if (instruction.kind == Kind::branch) {
      scopes_.back().branches.emplace_back(kernel_->code.size(), trimmed(text.substr(text.find_last_of(blanks))));
    }
    kernel_->code.push_back(instruction);
  }

  /// "1 20 3, function_name $L__info_string0, inlined_at 1 40 5": file, line and column, and those of the call, which
  /// was given as a place before.
  void parse_place(std::string_view text) {
    auto const call = text.find("inlined_at");
    auto const caller =
      call == text.npos ? last_place_at_.end() : last_place_at_.find(first_numbers(text.substr(call)));
    auto const numbers = first_numbers(text);
    SourcePlace place;
    place.line = numbers[1];
    place.caller = caller == last_place_at_.end() ? none : caller->second;
    if (auto const file = text_.files->find(numbers[0]); file != text_.files->end()) {
      place.file = file->second.substr(file->second.rfind('/') + 1);
    }
    auto const [known, is_new] =
      place_numbers_.emplace(std::pair(numbers, place.caller), static_cast<Index>(kernel_->places.size()));
    if (is_new) {
      kernel_->places.push_back(place);
    }
    place_ = last_place_at_[numbers] = known->second;
  }

  static std::array<int, 3> first_numbers(std::string_view text) {
    std::array<int, 3> numbers{};
    for (int& number : numbers) {
      text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
      for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) {
        number = 10 * number + (text[0] - '0');
      }
    }
    return numbers;
  }

  KernelText const& text_;
  std::unique_ptr<Kernel> kernel_;
  Registers registers_;
  std::vector<Scope> scopes_;
  std::map<std::pair<std::array<int, 3>, Index>, Index> place_numbers_;
  std::map<std::array<int, 3>, Index> last_place_at_;
  int line_ = 0;
  Index place_ = 0;
  bool has_placed_shared_variables_ = false;
};

// --------------------------------------------------------------------------------------------------------------- module

/// Takes a declaration: to a semicolon, or to the end of the braces of a kernel or function.
std::string_view take_declaration(std::string_view& rest, int line) {
  std::string_view const all = rest, head = take_until(rest, ";{");
  int depth = 0;
  for (bool is_first = true; !rest.empty() && (is_first || depth > 0); is_first = false) {
    depth += rest[0] == '{' ? 1 : rest[0] == '}' ? -1 : 0;
    rest.remove_prefix(1);
  }
  std::string_view const declaration = all.substr(0, all.size() - rest.size());
  if (depth > 0 || declaration.size() == head.size()) {
    throw error_at(line, "a declaration without an end", head);
  }
  return declaration;
}

/// The kernel that a declaration declares; none if it is another: a function, an initial value, a section of the debugger.
std::optional<std::pair<std::string, KernelText>> find_kernel(std::string_view declaration, int line) {
  std::string_view rest = declaration;
  std::string_view const header = take_until(rest, "{");
  auto const entry = header.find(".entry");
  if (entry == header.npos || rest.empty()) {
    return std::nullopt;
  }
  std::string_view behind = trimmed(header.substr(entry + 6));
  KernelText kernel;
  kernel.header = header;
  kernel.header_line = line;
  kernel.body = rest.substr(1, rest.size() - 2);
  kernel.body_line = line + static_cast<int>(line_ends(header));
  return std::pair(std::string(take_until(behind, "( \t\r\n")), std::move(kernel));
}

/// Number and name of ".file 1 "name""
std::pair<int, std::string> parse_file(std::string_view text) {
  auto const open = text.find('"'), close = text.find('"', open + 1);
  require(close != text.npos, "file without a name");
  return {static_cast<int>(parse_number(trimmed(text.substr(5, open - 5)))),
          std::string(text.substr(open + 1, close - open - 1))};
}

}  // namespace

std::vector<SourcePlace> Kernel::places_of(Instruction const& instruction) const {
  std::vector<SourcePlace> chain;
  for (Index at = instruction.place; at != 0 && at != none; at = places[at].caller) {
    chain.push_back(places[at]);
  }
  return chain;
}

std::string describe(std::vector<SourcePlace> const& places) {
  std::string text;
  for (SourcePlace const& place : places) {
    text += (text.empty() ? "" : " < ") + place.file + ":" + std::to_string(place.line);
  }
  return text;
}

void Program::add(std::string const& whole) {
  auto const text = std::make_shared<std::string const>(without_comments(whole));
  auto const files = std::make_shared<std::map<int, std::string>>();
  std::vector<std::string_view> shared_variables;
  std::vector<std::string> added;
  int line = 1;
  for (std::string_view rest = *text; !rest.empty();) {
    if (is_blank(rest[0])) {
      line += rest[0] == '\n' ? 1 : 0;
      rest.remove_prefix(1);
    } else if (starts_with(rest, ".version")) {
      version_ = std::string(trimmed(take_until(rest, "\n").substr(8)));
    } else if (starts_with(rest, ".file")) {
      files->insert(parse_file(take_until(rest, "\n")));
    } else if (starts_with(rest, ".target") || starts_with(rest, ".address_size") || starts_with(rest, ".loc")) {
      take_until(rest, "\n");
    } else {
      std::string_view const declaration = take_declaration(rest, line);
      if (auto kernel = find_kernel(declaration, line)) {
        added.push_back(kernel->first);
        kernels_[kernel->first] = std::move(kernel->second);
      } else if (declaration.back() == ';' && declaration.find(".shared") != declaration.npos) {
        shared_variables.push_back(declaration.substr(0, declaration.size() - 1));
      }
      line += static_cast<int>(line_ends(declaration));
    }
  }
  for (std::string const& name : added) {
    KernelText& kernel = kernels_[name];
    kernel.text = text;
    kernel.files = files;
    kernel.shared_variables = shared_variables;
  }
  files_ = files;
}

Kernel* Program::kernel(std::string const& name) {
  auto const found = kernels_.find(name);
  if (found == kernels_.end()) {
    return nullptr;
  }
  KernelText& text = found->second;
  if (text.kernel == nullptr) {
    text.kernel = KernelParser(name, text).parse();
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

Program& program() {
  static Program& value = *new Program;
  return value;
}

void load(std::string const& text) { program().add(text); }

std::string obstacle(std::string const& text) {
  try {
    Program candidate;
    candidate.add(text);
    std::string tested;
    for (auto const& [version, compiler] : tested_versions) {
      tested.append(tested.empty() ? "" : ", ").append(version).append(" (").append(compiler).append(")");
    }
    bool const is_tested = std::any_of(std::begin(tested_versions), std::end(tested_versions),
                                       [&](auto const& one) { return one.first == candidate.version(); });
    require(is_tested, "PTX version " + candidate.version() + " was not tested with the interpreter, only " + tested);
    for (std::string const& name : candidate.kernel_names()) {
      candidate.kernel(name);
    }
  } catch (std::runtime_error const& error) {
    return error.what();
  }
  return "";
}

}  // namespace ptx
