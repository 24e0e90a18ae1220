// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "command_line.hpp"
#include "program.hpp"

namespace translate {

namespace {

// In the order of Method and Direction.
std::vector<std::string> const methods{"gan", "cyclegan", "gcgan-rot", "gcgan-vf"};
std::vector<std::string> const directions{"m-mm", "mm-m"};

// The numbers that decide what a run computes: each field of `settings` with its option, least value and meaning.
template <class AnySettings, class Visit>
void for_each_number(AnySettings& settings, Visit const& visit) {
  visit("--scc", settings.scc_weight, 0, "weight of the structure consistency constraint; 0 is off");
  visit("--bandwidth", settings.estimator.bandwidth, 0, "sigma of its kernel, in units of pixel value, from -1 to 1");
  visit("--lambda", settings.estimator.lambda, 0, "ridge of its fit");
  visit("--seed", settings.seed, 0, "of the weights and of the order of the images");
  visit("--iterations", settings.iterations, 1, "batches to train on");
  visit("--batch", settings.batch, 1, "images of each domain in a batch");
  visit("--width", settings.width, 1, "channels of the first layer of a generator");
  visit("--discriminator-width", settings.discriminator_width, 1, "channels of the first layer of a discriminator");
  visit("--residual-blocks", settings.residual_blocks, 0, "of a generator");
  visit("--rate", settings.generator_rate, 0, "learning rate of the generators; falls to 0 over the second half");
  visit("--discriminator-rate", settings.discriminator_rate, 0, "learning rate of the discriminators, likewise");
  visit("--cycle-weight", settings.cycle_weight, 0, "weight of the cycle of cyclegan");
  visit("--geometry-weight", settings.geometry_weight, 0, "weight of the geometry consistency of gcgan");
  visit("--train-images", settings.train_images, 20, "how many training digits to use, half of them for each domain");
  visit("--classifier-epochs", settings.classifier_epochs, 1, "how often a classifier sees its training images");
  visit("--training-score-images", settings.score_images, 10,
        "translations that the classifier of the training score is trained on");
  visit("--record-every", settings.record_every, 1, "iterations between rows of the CSV");
  visit("--evaluate-every", settings.evaluate_every, 1, "iterations between evaluations");
  visit("--evaluate-images", settings.evaluate_images, 10, "test images of an evaluation; the last takes all");
}

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

template <class Number>
void add_number(CLI::App& app, std::string const& name, Number& field, int least, std::string const& help) {
  // The counts fit an int, so that their products fit 64 bits.
  double const most = std::is_integral_v<Number> ? std::numeric_limits<int>::max() : std::numeric_limits<double>::max();
  auto const check = [least, most](std::string const& text) {
    double const number = std::strtod(text.c_str(), nullptr);
    return number >= least && number <= most ? std::string()
                                             : text + " is not a number from " + std::to_string(least) + " on";
  };
  app.add_option(name, field, help)->check(CLI::Validator(check, ""))->type_name("N");
}

// Shortest text that reads back as the same number.
template <class Number>
std::string number_text(Number number) {
  std::array<char, 32> text{};
  auto const result = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), result.ptr};
}

}  // namespace

void add_options(CLI::App& app, Settings& settings) {
  app.description(R"(Trains a translator between MNIST and MNIST-M, and scores it.

  scc_translate --data DIR --out DIR [--method NAME] [--scc WEIGHT] [options])");
  app.footer(
    R"(Files in OUT: record.csv (losses, rSMI, accuracy), accuracy.svg (the two over the iterations), samples/*.png (inputs above
their translations), checkpoint.pt, and at the end result.txt (all options and the scores).

The number of threads is that of the environment variable OMP_NUM_THREADS.

Exit status: 0 done, 1 something failed, 2 bad arguments, 3 stopped before the end (--stop-after, SIGINT or SIGTERM) after
a checkpoint was written.)");

  // First, so that it is obeyed first: the others change what it sets.
  app.add_flag_callback(
    "--quick", [&settings] { set_quick(settings); },
    "start from sizes for minutes on one CPU core; other options still apply");
  app.add_option("--data", settings.data, "the folder that holds mnist/ and bsds500/; must be given")
    ->required()
    ->type_name("DIR");
  app.add_option("--out", settings.out, "where the run is written; must be given")->required()->type_name("DIR");
  app
    .add_option("--classifier", settings.classifiers,
                "where trained classifiers are kept for other runs (OUT/classifiers)")
    ->type_name("DIR");
  add_choice(app, "--method", settings.method, methods, "gan, cyclegan, gcgan-rot or gcgan-vf");
  add_choice(app, "--direction", settings.direction, directions, "m-mm: MNIST to MNIST-M; mm-m: back");
  add_choice(app, "--kernel", settings.estimator.kernel, kernel_names,
             "of the constraint: gaussian or reciprocal_gaussian");
  for_each_number(settings, [&app](std::string const& name, auto& field, int least, std::string const& help) {
    add_number(app, name, field, least, help);
  });
  app.add_option("--device", settings.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}))->type_name("NAME");
  add_number(app, "--checkpoint-every", settings.checkpoint_every, 1, "iterations between checkpoints");
  add_number(app, "--stop-after", settings.stop_after, 0, "stop after this iteration as if interrupted; 0 is never");
  app.add_flag_callback(
    "--no-training-score", [&settings] { settings.training_score = false; },
    "leave out the score by a classifier that is trained on translations");
  app.add_flag("--resume", settings.resume,
               "go on from the checkpoint in OUT; the other options must be those of its run");
  app.add_flag("--classifier-only", settings.classifiers_only,
               "only train the classifier that scores the direction, where it is not there yet");

  app.callback([&settings] {
    if (settings.data.empty() || settings.out.empty()) {
      throw CLI::ValidationError(settings.data.empty() ? "--data" : "--out", "must be the name of a folder");
    }
    if (settings.classifiers.empty()) {
      settings.classifiers = settings.out / "classifiers";
    }
    require_valid(settings.estimator);
  });
}

Description describe(Settings const& settings) {
  Description description{{"method", methods.at(static_cast<std::size_t>(settings.method))},
                          {"direction", directions.at(static_cast<std::size_t>(settings.direction))},
                          {"kernel", kernel_names.at(static_cast<std::size_t>(settings.estimator.kernel))},
                          {"device", settings.device}};
  for_each_number(settings, [&](std::string const& name, auto const& field, int, std::string const&) {
    description.emplace_back(name.substr(2), number_text(field));
  });
  return description;
}

}  // namespace translate
