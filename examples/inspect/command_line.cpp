// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "command_line.hpp"

namespace inspect {

namespace {

// Steps through the arguments; the values of an option are taken as they stand, so that -1 is a number.
class Arguments {
public:
  explicit Arguments(std::vector<std::string> const& all) : next_(all.begin()), end_(all.end()) {}

  bool empty() const { return next_ == end_; }

  std::string const& take() { return *next_++; }

  std::string const& value_of(std::string const& option) {
    if (empty()) {
      throw UsageError(
        option + " needs " +
        (option == "--domain" || option == "--values" || option == "--center-range" || option == "--pairs"
           ? "two values"
           : "a value"));
    }
    return take();
  }

  template <class Number>
  Number number_of(std::string const& option) {
    auto const& text = value_of(option);
    Number number{};
    auto const* const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, number);
    if (result.ec != std::errc{} || result.ptr != end) {
      throw UsageError(option + " is '" + text + "', must be a" +
                       (std::is_integral_v<Number> ? " whole number" : " number"));
    }
    return number;
  }

private:
  std::vector<std::string>::const_iterator next_, end_;
};

template <class Enum>
struct Choice {
  char const* name;
  Enum value;
};

template <class Enum, std::size_t N>
Enum choose(std::string const& option, std::string const& text, std::array<Choice<Enum>, N> const& choices) {
  std::string names;
  for (auto const& choice : choices) {
    if (text == choice.name) {
      return choice.value;
    }
    names += (names.empty() ? "" : ", ") + std::string(choice.name);
  }
  throw UsageError(option + " is '" + text + "', must be one of: " + names);
}

constexpr std::array<Choice<scc::Kernel>, 2> kernels{
  {{"gaussian", scc::Kernel::gaussian}, {"reciprocal_gaussian", scc::Kernel::reciprocal_gaussian}}};
constexpr std::array<Choice<scc::Basis>, 3> bases{
  {{"automatic", scc::Basis::automatic}, {"chebyshev", scc::Basis::chebyshev}, {"histogram", scc::Basis::histogram}}};

// Sets what the option asks for in the estimator's options; false if it is not one of theirs.
bool set_estimator_option(std::string const& name, Arguments& rest, scc::Options& options) {
  if (name == "--released-code") {
    return true;
  }
  if (name == "--kernel") {
    options.kernel = choose(name, rest.value_of(name), kernels);
  } else if (name == "--bandwidth") {
    options.bandwidth = rest.number_of<double>(name);
  } else if (name == "--centers") {
    options.centers_per_axis = rest.number_of<int>(name);
  } else if (name == "--center-range") {
    options.center_min = rest.number_of<double>(name);
    options.center_max = rest.number_of<double>(name);
  } else if (name == "--beta") {
    options.beta = rest.number_of<double>(name);
  } else if (name == "--lambda") {
    options.lambda = rest.number_of<double>(name);
  } else if (name == "--domain") {
    options.domain_min = rest.number_of<double>(name);
    options.domain_max = rest.number_of<double>(name);
  } else if (name == "--basis") {
    options.basis = choose(name, rest.value_of(name), bases);
  } else if (name == "--tolerance") {
    options.tolerance = rest.number_of<double>(name);
  } else {
    return false;
  }
  return true;
}

// The library names the field; the user knows the option.
void validate_options(scc::Options const& options) {
  static constexpr std::array<std::array<std::string_view, 2>, 8> names{{{"bandwidth", "--bandwidth"},
                                                                         {"centers_per_axis", "--centers"},
                                                                         {"center_", "--center-range"},
                                                                         {"beta", "--beta"},
                                                                         {"lambda", "--lambda"},
                                                                         {"domain_", "--domain"},
                                                                         {"tolerance", "--tolerance"},
                                                                         {"", "option"}}};
  try {
    scc::validate(options);
  } catch (std::invalid_argument const& error) {
    std::string_view const message = error.what();
    constexpr std::string_view prefix = "scc::Options::";
    auto const field = message.substr(message.find(prefix) == 0 ? prefix.size() : 0);
    auto const* const match = std::find_if(
      names.begin(), names.end() - 1, [&](auto const& name) { return field.substr(0, name[0].size()) == name[0]; });
    throw UsageError(std::string((*match)[1]) + ": " + std::string(field));
  }
}

int positive(std::string const& option, int value) {
  if (value < 1) {
    throw UsageError(option + " is " + std::to_string(value) + ", must be at least 1");
  }
  return value;
}

// Pixel values are float, and a float holds no more.
void validate_values(ValueRange values, bool is_domain) {
  constexpr double largest = 1e30;
  if (!(std::abs(values.low) <= largest && std::abs(values.high) <= largest && values.low < values.high)) {
    throw UsageError(std::string(is_domain ? "--domain" : "--values") +
                     ": the second value must be greater than the first, both at most 1e30 in size");
  }
}

void set_files(Request& request, std::vector<std::string> const& files) {
  if (request.task == Task::help) {
    return;
  }
  if (request.task != Task::one_pair) {
    if (!files.empty()) {
      throw UsageError(
        "unexpected argument '" + files[0] +
        "': " + (request.task == Task::audit ? "--pairs takes exactly two folders" : "--synthetic takes no files"));
    }
    return;
  }
  if (files.size() != 2) {
    throw UsageError("needs two files, INPUT and TRANSLATION, but got " + std::to_string(files.size()) +
                     " (see --help)");
  }
  request.input = files[0];
  request.translation = files[1];
}

}  // namespace

Request parse(std::vector<std::string> const& arguments) {
  Request request;
  bool const is_released = std::find(arguments.begin(), arguments.end(), "--released-code") != arguments.end();
  request.options = is_released ? scc::Options::released_code() : scc::Options{};

  std::vector<std::string> files;
  std::string report_option, audit_option, source_option;
  auto const set_source = [&](std::string const& name, Task task) {
    if (!source_option.empty()) {
      throw UsageError(name + " and " + source_option + " exclude each other");
    }
    source_option = name;
    request.task = task;
  };
  bool is_file = false, has_values = false;
  for (Arguments rest(arguments); !rest.empty();) {
    auto const& name = rest.take();
    if (is_file || name.empty() || name[0] != '-') {
      files.push_back(name);
    } else if (name == "--") {
      is_file = true;
    } else if (name == "--help" || name == "-h") {
      request.task = Task::help;
      return request;
    } else if (name == "--synthetic") {
      set_source(name, Task::synthetic_pair);
    } else if (name == "--pairs") {
      set_source(name, Task::audit);
      request.input = rest.value_of(name);
      request.translation = rest.value_of(name);
    } else if (name == "--out") {
      request.report = rest.value_of(report_option = name);
    } else if (name == "--repeat") {
      request.repeat = positive(name, rest.number_of<int>(report_option = name));
    } else if (name == "--csv") {
      request.csv = rest.value_of(audit_option = name);
    } else if (name == "--worst") {
      request.worst = positive(name, rest.number_of<int>(audit_option = name));
    } else if (name == "--values") {
      request.values.low = rest.number_of<double>(name);
      request.values.high = rest.number_of<double>(name);
      has_values = true;
    } else if (!set_estimator_option(name, rest, request.options)) {
      throw UsageError("unknown option '" + name + "' (see --help)");
    }
  }
  set_files(request, files);
  if (request.task == Task::audit && !report_option.empty()) {
    throw UsageError(report_option + " is of no use with --pairs, which writes no picture");
  }
  if (request.task != Task::audit && !audit_option.empty()) {
    throw UsageError(audit_option + " is of no use without --pairs");
  }
  auto const extension = request.report.extension();
  if (extension != ".png" && extension != ".html") {
    throw UsageError("--out is '" + request.report.string() + "', must end in .png or .html");
  }
  validate_options(request.options);
  if (!has_values) {
    request.values = {request.options.domain_min, request.options.domain_max};
  }
  validate_values(request.values, !has_values);
  return request;
}

std::string help_text() {
  return R"(scc_inspect: how much of the structure of an image survives its translation.

  scc_inspect INPUT TRANSLATION [--out report.png|report.html] [options]
  scc_inspect --synthetic       [--out report.png|report.html] [options]
  scc_inspect --pairs DIR_A DIR_B [--csv pairs.csv] [--worst K] [options]

The first form measures one pair of images of the same size, prints the numbers and writes one picture that shows what
they mean. The second does the same with a built-in scene and its translation. The third audits a translator: it measures
every image of DIR_A against the image of DIR_B with the same name.

Images are PNG, JPEG, binary PPM or binary PGM. 16-bit files are read as 8-bit (this is said), transparency is dropped,
orientation tags are not obeyed. A grey image is compared with each channel of a colour image.

Output
  --out FILE            the picture, .png, or a page with the picture and a table, .html (scc_report.png)
  --csv FILE            one line per pair (scc_pairs.csv)
  --worst K             how many of the pairs with the lowest rSMI to list (10)
  --repeat N            take the shortest of N runs for the timing (5)
  An existing FILE is replaced, unless it is one of the images that are read.

Estimator
  --kernel NAME         gaussian or reciprocal_gaussian (gaussian)
  --bandwidth S         sigma of the kernel, in units of pixel value (1)
  --centers N           kernel centres per axis, 2 to 32 (9)
  --center-range LO HI  first and last centre (-1 1)
  --beta B              weight of the product density, 0 <= B < 1 (0.5)
  --lambda L            ridge of the fit, > 0 (0.05)
  --domain LO HI        smallest and largest pixel value; others are clamped and counted (-1 1)
  --basis NAME          automatic, chebyshev or histogram (automatic)
  --tolerance T         error of rSMI that the basis may cause, 1e-12 to 1e-2 (1e-6)
  --released-code       start from the parameters of the authors' released code; other options still apply
  --values LO HI        pixel values that the bytes 0 and 255 stand for (the domain). If the trainer feeds [0, 1] to a
                        loss with the domain [-1, 1], say --values 0 1.

Other
  --help, -h            this text
  --                    what follows is a file, even if it starts with '-'

--pairs looks into subfolders too; two files are a pair if their paths below DIR_A and DIR_B agree but for the extension.
Columns of the CSV: name, rsmi, x_outside, x_nan, y_outside, y_nan (counts of values of the input and of the translation
that are outside the domain or no numbers) and error. A pair that cannot be measured has its reason in error, and no
numbers. Files without a partner are named at the end and are not in the CSV.

Exit status: 0 done, 1 something could not be read or written (with --pairs: no pair could be read), 2 bad arguments.
)";
}

}  // namespace inspect
