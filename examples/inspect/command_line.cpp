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
    if (!read(text, number)) {
      throw UsageError(option + " is '" + text + "', must be a" +
                       (std::is_integral_v<Number> ? " whole number" : " number"));
    }
    return number;
  }

  // Numbers with commas between them.
  std::vector<double> numbers_of(std::string const& option) {
    std::string_view const text = value_of(option);
    std::vector<double> numbers;
    for (std::size_t start = 0; start <= text.size();) {
      std::size_t const end = std::min(text.find(',', start), text.size());
      double number = 0;
      if (!read(text.substr(start, end - start), number)) {
        throw UsageError(option + " is '" + std::string(text) + "', must be numbers with commas between them");
      }
      numbers.push_back(number);
      start = end + 1;
    }
    return numbers;
  }

private:
  template <class Number>
  static bool read(std::string_view text, Number& number) {
    auto const* const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, number);
    return result.ec == std::errc{} && result.ptr == end;
  }

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

// Sets what the option asks for in the cross-validation; false if it is not one of its own.
bool set_selection_option(std::string const& name, Arguments& rest, Request& request) {
  if (name == "--folds") {
    request.folds.count = rest.number_of<int>(name);
  } else if (name == "--block") {
    request.folds.block = rest.number_of<int>(name);
  } else if (name == "--bandwidths") {
    request.candidates.bandwidths = rest.numbers_of(name);
  } else if (name == "--lambdas") {
    request.candidates.lambdas = rest.numbers_of(name);
  } else {
    return false;
  }
  return true;
}

// What is of no use for the task is more likely a mistake than a wish.
struct GivenOptions {
  std::string report, audit, table, selection, basis;
};

void reject_idle_options(Request const& request, GivenOptions const& given) {
  bool const is_audit = request.task == Task::audit;
  auto const reject_if = [](bool is_idle, std::string const& option, char const* reason) {
    if (is_idle && !option.empty()) {
      throw UsageError(option + " is of no use " + reason);
    }
  };
  reject_if(!request.selects, given.selection, "without --select");
  reject_if(request.selects, given.report, "with --select, which writes no picture");
  reject_if(request.selects, given.audit, "with --select");
  reject_if(request.selects, given.basis, "with --select");
  reject_if(is_audit, given.report, "with --pairs, which writes no picture");
  reject_if(!is_audit, given.audit, "without --pairs");
  reject_if(!is_audit && !request.selects, given.table, "without --pairs or --select");
}

void validate_folds(scc::Folds const& folds) {
  try {
    scc::validate(folds);
  } catch (std::invalid_argument const& error) {
    std::string const message = error.what();
    bool const is_count = message.find("Folds::count") != std::string::npos;
    throw UsageError((is_count ? "--folds" : "--block") + message.substr(message.find(" is ")));
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
  GivenOptions given;
  std::string source_option;
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
      request.report = rest.value_of(given.report = name);
    } else if (name == "--repeat") {
      request.repeat = positive(name, rest.number_of<int>(given.report = name));
    } else if (name == "--csv") {
      request.csv = rest.value_of(given.table = name);
    } else if (name == "--worst") {
      request.worst = positive(name, rest.number_of<int>(given.audit = name));
    } else if (name == "--select") {
      request.selects = true;
    } else if (set_selection_option(name, rest, request)) {
      given.selection = name;
    } else if (name == "--values") {
      request.values.low = rest.number_of<double>(name);
      request.values.high = rest.number_of<double>(name);
      has_values = true;
    } else if (!set_estimator_option(name, rest, request.options)) {
      throw UsageError("unknown option '" + name + "' (see --help)");
    } else if (name == "--basis") {
      given.basis = name;
    }
  }
  set_files(request, files);
  reject_idle_options(request, given);
  if (request.task == Task::audit && !request.selects && given.table.empty()) {
    request.csv = "scc_pairs.csv";
  }
  auto const extension = request.report.extension();
  if (extension != ".png" && extension != ".svg" && extension != ".pdf") {
    throw UsageError("--out is '" + request.report.string() + "', must end in .png, .svg or .pdf");
  }
  validate_options(request.options);
  validate_folds(request.folds);
  if (!has_values) {
    request.values = {request.options.domain_min, request.options.domain_max};
  }
  validate_values(request.values, !has_values);
  return request;
}

std::string help_text() {
  return R"(scc_inspect: how much of the structure of an image survives its translation.

  scc_inspect INPUT TRANSLATION [--out report.png|.svg|.pdf] [options]
  scc_inspect --synthetic       [--out report.png|.svg|.pdf] [options]
  scc_inspect --pairs DIR_A DIR_B [--csv pairs.csv] [--worst K] [options]
  scc_inspect --select (INPUT TRANSLATION | --synthetic | --pairs DIR_A DIR_B) [--csv table.csv] [options]

The first form measures one pair of images of the same size, prints the numbers and writes one picture that shows what
they mean. The second does the same with a built-in scene and its translation. The third audits a translator: it measures
every image of DIR_A against the image of DIR_B with the same name. The fourth chooses the bandwidth and the ridge for one
pair, or for all pairs together, by cross-validation, and prints how each candidate did.

Images are PNG, JPEG, binary PPM or binary PGM. 16-bit files are read as 8-bit (this is said), transparency is dropped,
orientation tags are not obeyed. A grey image is compared with each channel of a colour image.

Output
  --out FILE            the picture: .png, .svg or .pdf (scc_report.png)
  --csv FILE            one line per pair (scc_pairs.csv); with --select one line per candidate, if it is given
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

Selection
  --select              choose bandwidth and lambda; the other parameters are as given, the basis is automatic
  --folds K             parts that the pixels of an image are dealt out to, 2 to 256 (5)
  --block N             edge of the squares of pixels that stay together; 0 deals out every value by itself (8)
  --bandwidths A,B,...  candidates (from 1/20 of the domain to its width, and --bandwidth)
  --lambdas A,B,...     candidates (from 1e-5 to 1, and --lambda)

Other
  --help, -h            this text
  --                    what follows is a file, even if it starts with '-'

--pairs looks into subfolders too; two files are a pair if their paths below DIR_A and DIR_B agree but for the extension.
Columns of the CSV: name, rsmi, x_outside, x_nan, y_outside, y_nan (counts of values of the input and of the translation
that are outside the domain or no numbers) and error. A pair that cannot be measured has its reason in error, and no
numbers. Files without a partner are named at the end and are not in the CSV.
--select prints, for each candidate, rSMI of pixels that the fit has not seen; the largest is chosen, and marked *. Columns
of its CSV: bandwidth, lambda, criterion, standard_error (of the criterion), held_out_rsmi, rsmi.

Exit status: 0 done, 1 something could not be read or written (with --pairs: no pair could be read), 2 bad arguments.
)";
}

}  // namespace inspect
