// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "combinations.hpp"
#include "command_line.hpp"
#include "program.hpp"

namespace translate {

namespace {

// In the order of Direction.
std::vector<std::string> const directions{"m-mm", "mm-m", "s-m", "m-s", "f-fm", "fm-f", "a-b", "b-a"};

std::vector<std::string> const scores{"none", "maps", "parsing"};  // in the order of ScoreKind

template <class Entry>
std::vector<std::string> names_of(std::vector<Entry> const& entries) {
  std::vector<std::string> names;
  for (auto const& entry : entries) {
    names.emplace_back(entry.name);
  }
  return names;
}

// The numbers that decide what a run computes: each field of `settings` with its option, least value and meaning.
template <class AnySettings, class Visit>
void for_each_number(AnySettings& settings, Visit const& visit) {
  visit("--scc", settings.scc_weight, 0, "weight of the structure consistency constraint; 0 is off");
  visit("--bandwidth", settings.estimator.bandwidth, 0, "sigma of its kernel, in units of pixel value, from -1 to 1");
  visit("--lambda", settings.estimator.lambda, 0, "ridge of its fit");
  visit("--seed", settings.seed, 0, "of the weights and of the order of the images");
  visit("--iterations", settings.iterations, 1, "batches to train on");
  visit("--size", settings.size, 1, "height and width of the images; 32 for digits, 256 for folders");
  visit("--crop-margin", settings.crop_margin, 0,
        "of folders: training images are resized to (1 + N / 256) times the size, and cropped at random");
  visit("--batch", settings.batch, 1, "images of each domain in a batch, of each process");
  visit("--width", settings.width, 1, "channels of the first layer of a generator");
  visit("--discriminator-width", settings.discriminator_width, 1, "channels of the first layer of a discriminator");
  visit("--residual-blocks", settings.residual_blocks, 0, "of a generator");
  visit(
    "--noise-channels", settings.noise_channels, 0,
    "of noise, drawn for each image, at the input of a generator, but ugatit-light's: an image has many translations");
  visit("--rate", settings.generator_rate, 0, "learning rate of the generators; falls to 0 over the second half");
  visit("--discriminator-rate", settings.discriminator_rate, 0, "learning rate of the discriminators, likewise");
  visit("--cycle-weight", settings.cycle_weight, 0, "weight of the cycle of cyclegan, cycle-* and ugatit-light");
  visit("--geometry-weight", settings.geometry_weight, 0, "weight of the geometry consistency of gcgan-* and cycle-*");
  visit("--identity-weight", settings.identity_weight, 0,
        "of cyclegan, gcgan-* and ugatit-light: an image of the target domain is kept");
  visit("--nce-weight", settings.nce_weight, 0, "weight of the PatchNCE of cut and fastcut");
  visit("--cam-weight", settings.cam_weight, 0, "weight of the class activation maps of ugatit-light");
  visit("--weight-decay", settings.weight_decay, 0, "of all optimizers");
  visit("--pool", settings.pool, 0, "earlier translations that a discriminator may see in place of new ones");
  visit("--discriminator-sees-batch", settings.sees_batch, 0,
        "1: discriminators, but those of ugatit-light, also see how much the images of a batch differ");
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
  app.description(R"(Trains a translator between two domains of images, and scores it.

  scc_translate --data DIR --out DIR [--method NAME] [--scc WEIGHT] [options])");
  app.footer(
    R"(Files in OUT: record.csv (losses, rSMI, accuracy), accuracy.svg (the two over the iterations), samples/*.png (inputs above
their translations), checkpoint.pt, and at the end result.txt (all options and the scores).

Defaults that are not shown depend on the networks and the method: examples/translate/README.md lists them.

The number of threads is that of the environment variable OMP_NUM_THREADS.

Exit status: 0 done, 1 something failed, 2 bad arguments, 3 stopped before the end (--stop-after, SIGINT or SIGTERM) after
a checkpoint was written.)");

  auto const* const quick =
    app.add_flag("--quick", "start from sizes for minutes on one CPU core; other options still apply");
  app
    .add_option("--data", settings.data,
                "the folder with the data, such as mnist/ and bsds500/, or trainA/ ...; must be given")
    ->required()
    ->type_name("DIR");
  app.add_option("--out", settings.out, "where the run is written; must be given")->required()->type_name("DIR");
  app
    .add_option("--classifier", settings.classifiers,
                "where trained classifiers are kept for other runs (OUT/classifiers)")
    ->type_name("DIR");
  add_choice(app, "--method", settings.method, names_of(method_entries()),
             "gan, cyclegan, gcgan-rot, gcgan-vf, cycle-rot, cycle-vf, cut, fastcut or ugatit-light");
  add_choice(app, "--direction", settings.direction, directions,
             "m-mm: MNIST to MNIST-M; s-m: SVHN to MNIST; f-fm: Fashion-MNIST to the same on photographs; "
             "a-b: folders trainA, trainB, testA, testB; mm-m, m-s, fm-f, b-a: back");
  auto const* const networks =
    add_choice(app, "--networks", settings.networks, names_of(networks_entries()),
               "digits, gcgan-digits, resnet or ugatit; not every method runs with all (digits; resnet for folders)")
      ->default_str("");
  add_choice(app, "--score", settings.score, scores,
             "of folders with pairs in testA and testB: maps (acc5, acc10, RMSE) or parsing (Cityscapes' palette)");
  app
    .add_option("--guide-dir", settings.guides,
                "of folders: the constraint sees the images of DIR/trainA and trainB in place of the inputs")
    ->type_name("DIR");
  app
    .add_option("--mask-dir", settings.masks,
                "of folders: pixels count in the constraint as DIR/trainA and trainB say, from black, 0, to white, 1")
    ->type_name("DIR");
  add_choice(app, "--kernel", settings.estimator.kernel, kernel_names,
             "of the constraint: gaussian or reciprocal_gaussian");
  for_each_number(settings, [&app](std::string const& name, auto& field, int least, std::string const& help) {
    add_number(app, name, field, least, help);
  });
  for (auto const* const name :
       {"--size", "--batch", "--width", "--discriminator-width", "--residual-blocks", "--rate", "--discriminator-rate",
        "--identity-weight", "--nce-weight", "--weight-decay", "--pool"}) {
    app.get_option(name)->default_str("");  // set_defaults() has them
  }
  app
    .add_option(
      "--target-shares", settings.target_shares,
      "of each digit, 0 to 9: the part of its training images that the target domain keeps, from 0 to 1 (all 1)")
    ->expected(10)
    ->check(CLI::Range(0.0, 1.0))
    ->type_name("N ...")
    ->default_str("");
  app.add_option("--device", settings.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}))->type_name("NAME");
  add_number(app, "--checkpoint-every", settings.checkpoint_every, 1, "iterations between checkpoints");
  add_number(app, "--stop-after", settings.stop_after, 0, "stop after this iteration as if interrupted; 0 is never");
  app.add_flag_callback(
    "--no-training-score", [&settings] { settings.training_score = false; },
    "leave out the score by a classifier that is trained on translations");
  app.add_flag(
    "--translations", settings.translations,
    "at the end write translations of all test images to OUT/translations; with --resume also of a finished run");
  add_number(app, "--processes", settings.processes, 1,
             "start that many of this program, which share out each batch; or let torchrun, mpirun or srun start them");
  app.add_flag("--resume", settings.resume,
               "go on from the checkpoint in OUT; the other options must be those of its run");
  app.add_flag("--classifier-only", settings.classifiers_only,
               "only train the classifier that scores the direction, where it is not there yet");

  app.callback([&app, &settings, quick, networks] {
    set_defaults(settings, networks->count() > 0 ? std::optional(settings.networks) : std::nullopt);
    if (quick->count() > 0) {
      set_quick(settings);
    }
    // Once more, over what was set in between.
    auto const read = [&app](std::string const& name, auto& field, int, std::string const&) {
      if (app.count(name) > 0) {
        app.get_option(name)->results(field);
      }
    };
    for_each_number(settings, read);
    read("--checkpoint-every", settings.checkpoint_every, 1, "");
    if (settings.data.empty() || settings.out.empty()) {
      throw CLI::ValidationError(settings.data.empty() ? "--data" : "--out", "must be the name of a folder");
    }
    if (settings.classifiers.empty()) {
      settings.classifiers = settings.out / "classifiers";
    }
    require_valid(settings.estimator);
    require_combination(settings);
    bool const asks_for_folders =
      settings.size != 32 || settings.score != ScoreKind::none || !settings.guides.empty() || !settings.masks.empty();
    auto const shares = settings.target_shares.size();
    if (shares != 0 && (shares != 10 || is_folders(settings.direction))) {
      throw CLI::ValidationError("--target-shares", "takes ten numbers, and is for digits");
    }
    if (asks_for_folders && !is_folders(settings.direction)) {
      throw CLI::ValidationError("--size, --score, --guide-dir and --mask-dir", "are for --direction a-b and b-a");
    }
  });
}

Description describe(Settings const& settings) {
  Description description{{"method", entry_of(settings.method).name},
                          {"networks", networks_entries().at(static_cast<std::size_t>(settings.networks)).name},
                          {"direction", directions.at(static_cast<std::size_t>(settings.direction))},
                          {"kernel", kernel_names.at(static_cast<std::size_t>(settings.estimator.kernel))},
                          {"score", scores.at(static_cast<std::size_t>(settings.score))},
                          {"guides", settings.guides.empty() ? "none" : settings.guides.string()},
                          {"masks", settings.masks.empty() ? "none" : settings.masks.string()},
                          {"device", settings.device}};
  for_each_number(settings, [&](std::string const& name, auto const& field, int, std::string const&) {
    description.emplace_back(name.substr(2), number_text(field));
  });
  std::string shares;
  for (double const share : settings.target_shares) {
    shares += (shares.empty() ? "" : " ") + number_text(share);
  }
  description.emplace_back("target-shares", shares.empty() ? "all" : shares);
  return description;
}

}  // namespace translate
