// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "command_line.hpp"

namespace translate_digits {

namespace {

template <class Enum>
struct Choice {
  char const* name;
  Enum value;
};

constexpr std::array<Choice<Method>, 4> methods{{{"gan", Method::gan},
                                                 {"cyclegan", Method::cyclegan},
                                                 {"gcgan-rot", Method::gcgan_rot},
                                                 {"gcgan-vf", Method::gcgan_vf}}};
constexpr std::array<Choice<Direction>, 2> directions{{{"m-mm", Direction::m_mm}, {"mm-m", Direction::mm_m}}};
constexpr std::array<Choice<scc::Kernel>, 2> kernels{
  {{"gaussian", scc::Kernel::gaussian}, {"reciprocal_gaussian", scc::Kernel::reciprocal_gaussian}}};

// An option with a value: how it is read, written and explained.
struct Option {
  std::string name;
  char const* value;
  char const* help;
  bool decides_result;
  std::function<void(Settings&, std::string const&)> read;
  std::function<std::string(Settings const&)> write;
};

[[noreturn]] void reject(std::string const& name, std::string const& text, std::string const& allowed) {
  throw UsageError(name + " is '" + text + "', must be " + allowed);
}

// Shortest text that reads back as the same number.
template <class Number>
std::string number_text(Number number) {
  std::array<char, 32> text{};
  auto const result = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), result.ptr};
}

// `get` gives a reference to the field; a Settings that is const gives one to const.
template <class Number, class Get>
Option number(char const* name, char const* value, Number least, char const* help, bool decides_result, Get get) {
  auto const read = [name, least, get](Settings& settings, std::string const& text) {
    Number parsed{};
    auto const* const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, parsed);
    constexpr bool is_whole = std::is_integral_v<Number>;
    // The counts fit an int, so that their products fit 64 bits.
    bool const is_in_range =
      is_whole ? parsed <= static_cast<Number>(2147483647) : std::isfinite(static_cast<double>(parsed));
    if (result.ec != std::errc{} || result.ptr != end || !is_in_range || parsed < least) {
      reject(name, text, std::string(is_whole ? "a whole number" : "a number") + ", at least " + number_text(least));
    }
    get(settings) = parsed;
  };
  return {name,           value, help,
          decides_result, read,  [get](Settings const& settings) { return number_text(get(settings)); }};
}

template <class Enum, std::size_t N, class Get>
Option choice(char const* name, char const* help, std::array<Choice<Enum>, N> const& choices, Get get) {
  auto const read = [name, &choices, get](Settings& settings, std::string const& text) {
    std::string names;
    for (auto const& choice : choices) {
      if (text == choice.name) {
        get(settings) = choice.value;
        return;
      }
      names += (names.empty() ? "" : ", ") + std::string(choice.name);
    }
    reject(name, text, "one of: " + names);
  };
  auto const write = [&choices, get](Settings const& settings) -> std::string {
    return std::find_if(choices.begin(), choices.end(),
                        [&](auto const& choice) { return choice.value == get(settings); })
      ->name;
  };
  return {name, "NAME", help, true, read, write};
}

template <class Get>
Option folder(char const* name, char const* help, Get get) {
  auto const read = [name, get](Settings& settings, std::string const& text) {
    if (text.empty()) {
      reject(name, text, "the name of a folder");
    }
    get(settings) = text;
  };
  return {name, "DIR", help, false, read, [get](Settings const& settings) { return get(settings).string(); }};
}

Option device() {
  auto const read = [](Settings& settings, std::string const& text) {
    if (text != "cpu" && text != "cuda") {
      reject("--device", text, "one of: cpu, cuda");
    }
    settings.device = text;
  };
  return {"--device", "NAME", "cpu or cuda", true, read, [](Settings const& settings) { return settings.device; }};
}

// The field as a reference, of a Settings that is const or not.
#define FIELD(field) \
  [](auto& settings) -> auto& { return settings.field; }

std::vector<Option> const& all_options() {
  using Whole = std::int64_t;
  static std::vector<Option> const options{
    folder("--data", "the folder that holds mnist/ and bsds500/; must be given", FIELD(data)),
    folder("--out", "where the run is written; must be given", FIELD(out)),
    folder("--classifier", "where trained classifiers are kept for other runs (OUT/classifiers)", FIELD(classifiers)),
    choice("--method", "gan, cyclegan, gcgan-rot or gcgan-vf", methods, FIELD(method)),
    choice("--direction", "m-mm: MNIST to MNIST-M; mm-m: back", directions, FIELD(direction)),
    number<double>("--scc", "WEIGHT", 0, "weight of the structure consistency constraint; 0 is off", true,
                   FIELD(scc_weight)),
    choice("--kernel", "its kernel: gaussian or reciprocal_gaussian", kernels, FIELD(estimator.kernel)),
    number<double>("--bandwidth", "S", 0, "sigma of the kernel, in units of pixel value, from -1 to 1", true,
                   FIELD(estimator.bandwidth)),
    number<double>("--lambda", "L", 0, "ridge of its fit", true, FIELD(estimator.lambda)),
    number<Whole>("--seed", "N", 0, "of the weights and of the order of the images", true, FIELD(seed)),
    number<Whole>("--iterations", "N", 1, "batches to train on", true, FIELD(iterations)),
    number<Whole>("--batch", "N", 1, "images of each domain in a batch", true, FIELD(batch)),
    number<Whole>("--width", "N", 1, "channels of the first layer of a generator", true, FIELD(width)),
    number<Whole>("--discriminator-width", "N", 1, "channels of the first layer of a discriminator", true,
                  FIELD(discriminator_width)),
    number<Whole>("--residual-blocks", "N", 0, "of a generator", true, FIELD(residual_blocks)),
    number<double>("--rate", "R", 0, "learning rate of the generators; falls to 0 over the second half", true,
                   FIELD(generator_rate)),
    number<double>("--discriminator-rate", "R", 0, "learning rate of the discriminators, likewise", true,
                   FIELD(discriminator_rate)),
    number<double>("--cycle-weight", "W", 0, "weight of the cycle of cyclegan", true, FIELD(cycle_weight)),
    number<double>("--geometry-weight", "W", 0, "weight of the geometry consistency of gcgan", true,
                   FIELD(geometry_weight)),
    number<Whole>("--train-images", "N", 20, "how many training digits to use, half of them for each domain", true,
                  FIELD(train_images)),
    number<Whole>("--classifier-epochs", "N", 1, "how often a classifier sees its training images", true,
                  FIELD(classifier_epochs)),
    number<Whole>("--training-score-images", "N", 10,
                  "translations that the classifier of the training score is trained on", true, FIELD(score_images)),
    number<Whole>("--record-every", "N", 1, "iterations between rows of the CSV", true, FIELD(record_every)),
    number<Whole>("--evaluate-every", "N", 1, "iterations between evaluations", true, FIELD(evaluate_every)),
    number<Whole>("--evaluate-images", "N", 10, "test images of an evaluation; the last takes all", true,
                  FIELD(evaluate_images)),
    device(),
    number<Whole>("--checkpoint-every", "N", 1, "iterations between checkpoints", false, FIELD(checkpoint_every)),
    number<Whole>("--stop-after", "N", 1, "stop after this iteration as if interrupted", false, FIELD(stop_after)),
  };
  return options;
}

#undef FIELD

// An option without a value.
struct Switch {
  char const* name;
  char const* help;
  void (*set)(Settings&);
};

constexpr std::array<Switch, 4> switches{{
  {"--no-training-score", "leave out the score by a classifier that is trained on translations",
   [](Settings& settings) { settings.training_score = false; }},
  {"--resume", "go on from the checkpoint in OUT; the other options must be those of its run",
   [](Settings& settings) { settings.resume = true; }},
  {"--classifier-only", "only train the classifier that scores the direction, where it is not there yet",
   [](Settings& settings) { settings.classifiers_only = true; }},
  // Taken up by parse() before all others.
  {"--quick", "start from sizes for minutes on one CPU core; other options still apply", [](Settings&) {}},
}};

void set_quick(Settings& settings) {
  settings.width = 8;
  settings.discriminator_width = 16;
  settings.residual_blocks = 2;
  settings.batch = 16;
  settings.iterations = 1000;
  settings.evaluate_every = 250;
  settings.evaluate_images = 1000;
  settings.checkpoint_every = 500;
  settings.classifier_epochs = 2;
  settings.score_images = 10000;
}

void validate_estimator(scc::Options const& estimator) {
  try {
    scc::validate(estimator);
  } catch (std::invalid_argument const& error) {
    constexpr std::string_view prefix = "scc::Options::";
    std::string_view const message = error.what();
    throw UsageError("--" + std::string(message.substr(message.find(prefix) == 0 ? prefix.size() : 0)));
  }
}

}  // namespace

bool asks_for_help(std::vector<std::string> const& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](std::string const& argument) { return argument == "--help" || argument == "-h"; });
}

Settings parse(std::vector<std::string> const& arguments) {
  Settings settings;
  if (std::find(arguments.begin(), arguments.end(), "--quick") != arguments.end()) {
    set_quick(settings);
  }
  for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
    auto const is_named = [&](auto const& candidate) { return *argument == candidate.name; };
    auto const* const found_switch = std::find_if(switches.begin(), switches.end(), is_named);
    if (found_switch != switches.end()) {
      found_switch->set(settings);
      continue;
    }
    auto const& options = all_options();
    auto const option = std::find_if(options.begin(), options.end(), is_named);
    if (option == options.end()) {
      throw UsageError((argument->rfind('-', 0) == 0 ? "unknown option '" : "unexpected argument '") + *argument +
                       "' (see --help)");
    }
    if (++argument == arguments.end()) {
      throw UsageError(option->name + " needs a value");
    }
    option->read(settings, *argument);
  }
  if (settings.data.empty() || settings.out.empty()) {
    throw UsageError(std::string(settings.data.empty() ? "--data" : "--out") + " must be given (see --help)");
  }
  if (settings.classifiers.empty()) {
    settings.classifiers = settings.out / "classifiers";
  }
  validate_estimator(settings.estimator);
  return settings;
}

std::string help_text() {
  std::string text = R"(scc_translate_digits: trains a translator between MNIST and MNIST-M, and scores it.

  scc_translate_digits --data DIR --out DIR [--method NAME] [--scc WEIGHT] [options]

Options, with what they are if not given
)";
  Settings const defaults;
  auto const add_row = [&](std::string left, std::string const& help) {
    left.resize(std::max<std::size_t>(left.size() + 1, 27), ' ');
    text += "  " + left + help + '\n';
  };
  for (auto const& option : all_options()) {
    auto const value = option.write(defaults);
    add_row(option.name + ' ' + option.value,
            option.help + (value.empty() || option.name == "--stop-after" ? "" : " (" + value + ")"));
  }
  for (auto const& option : switches) {
    add_row(option.name, option.help);
  }
  add_row("--help, -h", "this text");
  text += R"(
Files in OUT: record.csv (losses, rSMI, accuracy), accuracy.svg (the two over the iterations), samples/*.png (inputs above
their translations), checkpoint.pt, and at the end result.txt (all options and the scores).

The number of threads is that of the environment variable OMP_NUM_THREADS.

Exit status: 0 done, 1 something failed, 2 bad arguments, 3 stopped before the end (--stop-after, SIGINT or SIGTERM) after
a checkpoint was written.
)";
  return text;
}

Description describe(Settings const& settings) {
  Description description;
  for (auto const& option : all_options()) {
    if (option.decides_result) {
      description.emplace_back(option.name.substr(2), option.write(settings));
    }
  }
  return description;
}

}  // namespace translate_digits
