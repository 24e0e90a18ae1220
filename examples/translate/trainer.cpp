// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <torch/torch.h>
#include <utility>
#include <vector>

#include "checkpoint.hpp"
#include "command_line.hpp"
#include "data/domains.hpp"
#include "drawing/image_file.hpp"
#include "methods/translator.hpp"
#include "pictures.hpp"
#include "progress.hpp"
#include "scores/digits.hpp"
#include "trainer.hpp"

namespace translate {

namespace {

template <class... Numbers>
std::string formatted(char const* format, Numbers... numbers) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), format, numbers...);
  return text.data();
}

// A handler is given nothing but the signal, so that it can leave its word only here.
volatile std::sig_atomic_t is_interrupted = 0;

// The second signal ends the process.
extern "C" void note_interruption(int signal) {
  is_interrupted = 1;
  std::signal(signal, SIG_DFL);
}

constexpr char const* csv_header = "iteration,adversarial,discriminator,consistency,rsmi,test_rsmi,test_accuracy\n";

// Columns of the CSV, each with a comma before it; what was not measured is empty.
std::string csv_columns(Losses const& losses) {
  std::string text;
  for (auto const& loss : {losses.adversarial, losses.discriminator, losses.consistency, losses.rsmi}) {
    text += ',' + (loss.defined() ? formatted("%.9g", loss.item<double>()) : std::string());
  }
  return text;
}

torch::Device find_device(std::string const& name) {
  if (name != "cuda") {
    return torch::kCPU;
  }
  if (!torch::cuda::is_available()) {
    throw std::runtime_error("--device cuda: this LibTorch finds no CUDA device");
  }
  return torch::kCUDA;
}

void move_to(torch::Device device, Domain& domain) {
  domain.train = domain.train.to(device);
  domain.labelled = domain.labelled.to(device);
  domain.test = domain.test.to(device);
}

// The classifier of the target domain, from its file if another run has trained it.
DigitClassifier find_classifier(Settings const& settings, Domains const& domains) {
  auto const& target = domains.target;
  auto const path = settings.classifiers / (std::string(target.name) + '-' + domains.digest + '-' +
                                            std::to_string(settings.classifier_epochs) + ".pt");
  if (std::filesystem::exists(path)) {
    return load_classifier(path, target.train.channels(), target.train.pixels.device());
  }
  std::cout << "training the classifier of " << target.name << " on " << target.labelled.count() << " images"
            << std::endl;
  auto classifier = train_classifier(target.labelled, settings.classifier_epochs);
  std::filesystem::create_directories(settings.classifiers);
  save_classifier(classifier, path);
  return classifier;
}

// Rows of images, one of each digit in each row; an image comes twice where a digit has too few.
std::vector<torch::Tensor> choose_samples(Images const& images) {
  constexpr std::int64_t row_count = 4, digits = 10;
  std::vector<torch::Tensor> rows;
  for (std::int64_t row = 0; row < row_count; ++row) {
    std::vector<torch::Tensor> chosen;
    for (std::int64_t digit = 0; digit < digits; ++digit) {
      auto const of_digit = images.labels.eq(digit).nonzero().flatten();
      if (of_digit.size(0) > 0) {
        chosen.push_back(of_digit[std::min(row, of_digit.size(0) - 1)]);
      }
    }
    rows.push_back(images.pixels.index_select(0, torch::stack(chosen)));
  }
  return rows;
}

// A run with all that it needs in memory.
class Trainer {
public:
  Trainer(Settings const& settings, Domains domains, DigitClassifier classifier, double classifier_accuracy)
      : settings_(settings),
        domains_(std::move(domains)),
        classifier_(std::move(classifier)),
        classifier_accuracy_(classifier_accuracy),
        samples_(choose_samples(domains_.source.test)),
        description_(describe(settings)) {
    description_.emplace_back("data-digest", domains_.digest);
    auto const device = domains_.source.train.pixels.device();
    torch::manual_seed(static_cast<std::uint64_t>(settings_.seed));
    translator_ =
      make_translator({settings_, domains_.source.train.channels(), domains_.target.train.channels(), device});
    if (settings_.resume) {
      state_ = read_checkpoint(checkpoint_path(), description_, *translator_);
      std::cout << "going on after iteration " << state_.iteration << std::endl;
    } else {
      state_.sampler.seed(static_cast<std::mt19937::result_type>(settings_.seed));
      state_.csv = csv_header;
    }
    // Without the rows that were written after the checkpoint.
    drawing::write_file(csv_path(), state_.csv);
    csv_file_.open(csv_path(), std::ios::binary | std::ios::app);
  }

  Outcome run() {
    if (!train()) {
      std::cout << "stopped after iteration " << state_.iteration << "; --resume goes on" << std::endl;
      return Outcome::stopped;
    }
    write_result();
    return Outcome::finished;
  }

private:
  using Clock = std::chrono::steady_clock;

  std::filesystem::path checkpoint_path() const { return settings_.out / "checkpoint.pt"; }
  std::filesystem::path csv_path() const { return settings_.out / "record.csv"; }

  torch::Tensor draw_batch(Images const& images) {
    auto chosen = torch::empty({settings_.batch}, torch::kInt64);
    auto* const index = chosen.data_ptr<std::int64_t>();
    for (std::int64_t k = 0; k < settings_.batch; ++k) {
      index[k] = draw_below(images.count(), state_.sampler);
    }
    return to_values(images.pixels.index_select(0, chosen.to(images.pixels.device())));
  }

  // 1 over the first half of the run, then a straight line to 0.
  double rate_share() const {
    auto const share_left = 1 - static_cast<double>(state_.iteration) / static_cast<double>(settings_.iterations);
    return std::min(1.0, 2 * share_left);
  }

  // Whether the last iteration was reached. The first SIGINT or SIGTERM stops it after a checkpoint.
  bool train() {
    is_interrupted = 0;
    auto* const before_int = std::signal(SIGINT, note_interruption);
    auto* const before_term = std::signal(SIGTERM, note_interruption);
    Progress progress(std::cout, "iteration", state_.iteration, settings_.iterations);
    bool stops = false;
    while (state_.iteration < settings_.iterations && !stops) {
      take_step(progress);
      stops = is_interrupted != 0 || state_.iteration == settings_.stop_after;
      bool const is_last = state_.iteration == settings_.iterations;
      if (stops || is_last || state_.iteration % settings_.checkpoint_every == 0) {
        write_checkpoint(checkpoint_path(), description_, state_, *translator_);
      }
    }
    progress.end_line();
    std::signal(SIGINT, before_int);
    std::signal(SIGTERM, before_term);
    return state_.iteration == settings_.iterations;
  }

  // One iteration, and what is to be recorded and shown of it.
  void take_step(Progress& progress) {
    auto const start = Clock::now();
    auto const iteration = state_.iteration + 1;
    bool const is_last = iteration == settings_.iterations;
    bool const evaluates = is_last || iteration % settings_.evaluate_every == 0;
    bool const records = evaluates || iteration % settings_.record_every == 0;
    bool const shows = progress.is_due(iteration);
    Batch const batch{draw_batch(domains_.source.train), draw_batch(domains_.target.train)};
    auto const losses = translator_->step(batch, rate_share(), records || shows);
    auto row = records ? std::to_string(iteration) + csv_columns(losses) : std::string();
    state_.iteration = iteration;
    state_.training_seconds += std::chrono::duration<double>(Clock::now() - start).count();

    if (evaluates) {
      auto const& test = domains_.source.test;
      state_.evaluations.push_back(evaluate(is_last ? test : test.range(0, settings_.evaluate_images)));
      auto const& evaluation = state_.evaluations.back();
      row += formatted(",%.9g,%.9g", evaluation.rsmi, evaluation.accuracy);
      draw();
    }
    if (records) {
      record(row + (evaluates ? "\n" : ",,\n"));
    }
    if (shows) {
      progress.show(
        iteration,
        formatted("adversarial %.3f  discriminator %.3f  rSMI %.3f", losses.adversarial.item<double>(),
                  losses.discriminator.item<double>(), losses.rsmi.item<double>()) +
          (state_.evaluations.empty() ? "" : formatted("  accuracy %.2f %%", state_.evaluations.back().accuracy)));
    }
  }

  void record(std::string const& row) {
    state_.csv += row;
    errno = 0;
    csv_file_ << row << std::flush;
    if (!csv_file_) {
      throw std::runtime_error("cannot write " + drawing::quoted(csv_path()) + ": " + drawing::system_reason());
    }
  }

  // The score "translated images as test set", and the rSMI of the same images.
  Evaluation evaluate(Images const& images) {
    double sum = 0;
    auto const right = accuracy(classifier_, images, [&](torch::Tensor const& source) {
      auto translation = translator_->translate(source);
      sum += translator_->rsmi(source, translation).sum().item<double>();
      return translation;
    });
    return {state_.iteration, right, sum / static_cast<double>(images.count())};
  }

  void draw() {
    auto const name = formatted("%07lld.png", static_cast<long long>(state_.iteration));
    std::vector<torch::Tensor> rows;
    for (auto const& sample : samples_) {
      rows.push_back(sample);
      rows.push_back(to_bytes(translator_->translate(to_values(sample))));
    }
    drawing::write_file(settings_.out / "samples" / name, draw_grid(rows));
    std::string title = "translated test images";
    for (auto const& [option, value] : description_) {
      if (option == "method" || option == "direction" || option == "scc" || option == "seed") {
        title += ", " + option + ' ' + value;
      }
    }
    drawing::write_file(settings_.out / "accuracy.svg", draw_plot(state_.evaluations, title, settings_.iterations));
  }

  // The score "translated images as training set": of a classifier that knows real images of the source domain only as
  // their translations.
  double training_score() {
    constexpr std::int64_t images_per_pass = 250;
    auto const source = domains_.source.train.range(0, settings_.score_images);
    std::vector<torch::Tensor> translations;
    for (std::int64_t first = 0; first < source.count(); first += images_per_pass) {
      auto const batch = source.range(first, first + images_per_pass);
      translations.push_back(to_bytes(translator_->translate(to_values(batch.pixels))));
    }
    auto classifier = train_classifier({torch::cat(translations), source.labels}, settings_.classifier_epochs);
    return accuracy(classifier, domains_.target.test);
  }

  void write_result() {
    auto const& last = state_.evaluations.back();
    Description result = description_;
    auto const add = [&](char const* name, std::string const& value) {
      result.emplace_back(name, value);
      std::cout << name << ' ' << value << std::endl;
    };
    add("weights-digest", translator_->weights_digest());
    add("milliseconds-per-iteration",
        formatted("%.2f", 1000 * state_.training_seconds / static_cast<double>(settings_.iterations)));
    add("classifier-accuracy", formatted("%.2f", classifier_accuracy_));
    add("test-rsmi", formatted("%.6f", last.rsmi));
    add("test-score", formatted("%.2f", last.accuracy));
    if (settings_.training_score) {
      add("training-score", formatted("%.2f", training_score()));
    }
    std::string text;
    for (auto const& [name, value] : result) {
      text += name + ' ' + value + '\n';
    }
    drawing::write_file(settings_.out / "result.txt", text);
  }

  Settings settings_;
  Domains domains_;
  DigitClassifier classifier_;
  double classifier_accuracy_;
  std::vector<torch::Tensor> samples_;
  Description description_;
  std::unique_ptr<Translator> translator_;
  RunState state_;
  std::ofstream csv_file_;
};

// Before any work is done.
void require_place_for(Settings const& settings) {
  bool const has_checkpoint = std::filesystem::exists(settings.out / "checkpoint.pt");
  if (settings.resume && !has_checkpoint) {
    throw std::runtime_error("there is no checkpoint in " + drawing::quoted(settings.out) + " to go on from");
  }
  if (!settings.resume && has_checkpoint) {
    throw std::runtime_error(drawing::quoted(settings.out) +
                             " holds a run already: go on with --resume, or choose another --out");
  }
  std::filesystem::create_directories(settings.out / "samples");
}

}  // namespace

Outcome run(Settings const& settings) {
  auto const device = find_device(settings.device);
  if (!settings.classifiers_only) {
    require_place_for(settings);
  }
  auto domains = read_domains(settings);
  move_to(device, domains.source);
  move_to(device, domains.target);
  auto classifier = find_classifier(settings, domains);
  auto const classifier_accuracy = accuracy(classifier, domains.target.test);
  std::cout << formatted("the classifier of %s is right on %.2f %% of %lld real test images", domains.target.name,
                         classifier_accuracy, static_cast<long long>(domains.target.test.count()))
            << std::endl;
  if (settings.classifiers_only) {
    return Outcome::finished;
  }
  return Trainer(settings, std::move(domains), std::move(classifier), classifier_accuracy).run();
}

}  // namespace translate
