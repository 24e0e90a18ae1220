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
#include "formatted.hpp"
#include "methods/translator.hpp"
#include "pictures.hpp"
#include "progress.hpp"
#include "scores/score.hpp"
#include "trainer.hpp"

namespace translate {

namespace {

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

torch::Device find_device(std::string const& name, int number) {
  if (name != "cuda") {
    return torch::kCPU;
  }
  if (static_cast<int>(torch::cuda::device_count()) <= number) {
    throw std::runtime_error("--device cuda: this LibTorch finds no CUDA device " + std::to_string(number));
  }
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(number)};
}

void move_to(torch::Device device, Domain& domain) {
  domain.train = domain.train.to(device);
  domain.labelled = domain.labelled.to(device);
  domain.test = domain.test.to(device);
}

// Rows of images. Of digits, one of each in each row; an image comes twice where a digit has too few.
std::vector<torch::Tensor> choose_samples(Images const& images) {
  constexpr std::int64_t row_count = 4, columns = 4;
  std::vector<torch::Tensor> rows;
  for (std::int64_t row = 0; row < row_count; ++row) {
    if (!images.labels.defined()) {
      if (row == 0 || (row + 1) * columns <= images.count()) {
        rows.push_back(images.pixels.slice(0, row * columns, (row + 1) * columns));
      }
      continue;
    }
    std::vector<torch::Tensor> chosen;
    for (std::int64_t digit = 0; digit < digit_count; ++digit) {
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
  // score: null for all processes but the first
  Trainer(Settings const& settings, Processes& processes, Domains const& domains, Score* score)
      : settings_(settings),
        processes_(processes),
        domains_(domains),
        score_(score),
        samples_(choose_samples(domains_.source.test)),
        description_(describe(settings)) {
    description_.emplace_back("processes", std::to_string(processes_.size()));
    description_.emplace_back("data-digest", domains_.digest);
    auto const device = domains_.source.train.pixels.device();
    torch::manual_seed(static_cast<std::uint64_t>(settings_.seed));
    translator_ = make_translator(
      {settings_, domains_.source.train.channels(), domains_.target.train.channels(), device, processes_});
    if (settings_.resume) {
      state_ = read_checkpoint(checkpoint_path(), description_, *translator_);
      say("going on after iteration " + std::to_string(state_.iteration));
    } else {
      state_.sampler.seed(static_cast<std::mt19937::result_type>(settings_.seed));
      state_.csv = csv_header;
    }
    processes_.broadcast(translator_->parameters());
    if (processes_.is_first()) {
      // Without the rows that were written after the checkpoint.
      drawing::write_file(csv_path(), state_.csv);
      csv_file_.open(csv_path(), std::ios::binary | std::ios::app);
    }
  }

  Outcome run() {
    if (!train()) {
      say("stopped after iteration " + std::to_string(state_.iteration) + "; --resume goes on");
      return Outcome::stopped;
    }
    if (processes_.is_first()) {
      write_result();
    }
    return Outcome::finished;
  }

private:
  using Clock = std::chrono::steady_clock;

  // An image, and which piece of it.
  struct Draw {
    std::int64_t image, top, left;
    bool is_mirrored;
  };

  void say(std::string const& what) const {
    if (processes_.is_first()) {
      std::cout << what << std::endl;
    }
  }

  std::filesystem::path checkpoint_path() const { return settings_.out / "checkpoint.pt"; }
  std::filesystem::path csv_path() const { return settings_.out / "record.csv"; }

  // This process's share of a batch. All draw all of it, so that their random numbers stay equal.
  Side draw_batch(Images const& images) {
    auto const places = images.pixels.size(2) - settings_.size + 1;
    std::vector<Draw> draws;
    for (std::int64_t k = 0; k < settings_.batch * processes_.size(); ++k) {
      Draw draw{draw_below(images.count(), state_.sampler), 0, 0, false};
      if (is_folders(settings_.direction)) {
        draw.top = draw_below(places, state_.sampler);
        draw.left = draw_below(places, state_.sampler);
        draw.is_mirrored = draw_below(2, state_.sampler) == 1;
      }
      draws.push_back(draw);
    }
    auto const first = draws.begin() + processes_.rank() * settings_.batch;
    std::vector<Draw> const share(first, first + settings_.batch);
    auto const drawn = images.changed([&](torch::Tensor const& all) {
      std::vector<torch::Tensor> pieces;
      for (auto const& draw : share) {
        auto const image = all[draw.image];
        if (image.dim() != 3) {
          pieces.push_back(image);  // a label
          continue;
        }
        auto const piece = image.narrow(1, draw.top, settings_.size).narrow(2, draw.left, settings_.size);
        pieces.push_back(draw.is_mirrored ? piece.flip({2}) : piece);
      }
      return torch::stack(pieces);
    });
    return {to_values(drawn.pixels), drawn.guides.defined() ? to_values(drawn.guides) : torch::Tensor(),
            drawn.masks.defined() ? drawn.masks.to(torch::kFloat32) / 255 : torch::Tensor()};
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
      stops = processes_.any(is_interrupted != 0) || state_.iteration == settings_.stop_after;
      bool const is_last = state_.iteration == settings_.iterations;
      bool const is_due = stops || is_last || state_.iteration % settings_.checkpoint_every == 0;
      if (processes_.is_first() && is_due) {
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
    bool const evaluates = processes_.is_first() && (is_last || iteration % settings_.evaluate_every == 0);
    bool const records = processes_.is_first() && (evaluates || iteration % settings_.record_every == 0);
    bool const shows = processes_.is_first() && progress.is_due(iteration);
    Batch const batch{draw_batch(domains_.source.train), draw_batch(domains_.target.train)};
    auto const losses = translator_->step(batch, rate_share(), records || shows);
    auto row = records ? std::to_string(iteration) + csv_columns(losses) : std::string();
    state_.iteration = iteration;
    state_.training_seconds += std::chrono::duration<double>(Clock::now() - start).count();

    if (evaluates) {
      auto const& test = domains_.source.test;
      state_.evaluations.push_back(evaluate(is_last ? test : test.range(0, settings_.evaluate_images)));
      auto const& evaluation = state_.evaluations.back();
      row += formatted(",%.9g,", evaluation.rsmi);
      row += evaluation.scores.empty() ? "" : formatted("%.9g", evaluation.scores.front());
      draw();
    }
    if (records) {
      record(row + (evaluates ? "\n" : ",,\n"));
    }
    if (shows) {
      progress.show(iteration,
                    formatted("adversarial %.3f  discriminator %.3f  rSMI %.3f", losses.adversarial.item<double>(),
                              losses.discriminator.item<double>(), losses.rsmi.item<double>()) +
                      accuracy_text());
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

  // Of the last evaluation, if there is any.
  std::string accuracy_text() const {
    bool const has_none = state_.evaluations.empty() || state_.evaluations.back().scores.empty();
    return has_none ? "" : formatted("  accuracy %.2f %%", state_.evaluations.back().scores.front());
  }

  Evaluation evaluate(Images const& images) {
    has_evaluated_ = true;
    double sum = 0;
    for_each_pass(images, [&](std::int64_t first, torch::Tensor const& source) {
      auto const translation = translator_->translate(source);
      sum += translator_->rsmi({source, {}, {}}, translation).sum().item<double>();
      score_->add(first, translation);
    });
    return {state_.iteration, sum / static_cast<double>(images.count()), score_->take()};
  }

  // Calls visit(number of the first, images from -1 to 1) with all images, a few at a time.
  template <class Visit>
  void for_each_pass(Images const& images, Visit const& visit) const {
    auto const step = images_per_pass(settings_.size);
    for (std::int64_t first = 0; first < images.count(); first += step) {
      visit(first, to_values(images.pixels.slice(0, first, first + step)));
    }
  }

  void draw() {
    auto const name = formatted("%07lld.png", static_cast<long long>(state_.iteration));
    std::vector<torch::Tensor> rows;
    for (auto const& sample : samples_) {
      rows.push_back(sample);
      rows.push_back(to_bytes(translator_->translate(to_values(sample))));
    }
    drawing::write_file(settings_.out / "samples" / name, draw_grid(rows, is_folders(settings_.direction) ? 1 : 2));
    std::string title = "translated test images";
    for (auto const& [option, value] : description_) {
      if (option == "method" || option == "direction" || option == "scc" || option == "seed") {
        title += ", " + option + ' ' + value;
      }
    }
    drawing::write_file(settings_.out / "accuracy.svg", draw_plot(state_.evaluations, title, settings_.iterations));
  }

  // For scores that need other networks.
  void write_translations() {
    auto const folder = settings_.out / "translations";
    std::filesystem::create_directories(folder);
    auto const& test = domains_.source.test;
    for_each_pass(test, [&](std::int64_t first, torch::Tensor const& source) {
      for (auto const& image : to_bytes(translator_->translate(source)).split(1)) {
        auto const name = test.names.empty() ? formatted("%07lld", static_cast<long long>(first))
                                             : test.names[static_cast<std::size_t>(first)];
        drawing::write_file(folder / (name + ".png"), draw_grid({image}, 1));
        ++first;
      }
    });
  }

  void write_result() {
    if (!has_evaluated_) {
      evaluate(domains_.source.test);  // a finished run that is resumed: the score's details are not in the checkpoint
    }
    auto const& last = state_.evaluations.back();
    Description result = description_;
    auto const add = [&](std::string const& name, std::string const& value) {
      result.emplace_back(name, value);
      std::cout << name << ' ' << value << std::endl;
    };
    add("weights-digest", translator_->weights_digest());
    add("milliseconds-per-iteration",
        formatted("%.2f", 1000 * state_.training_seconds / static_cast<double>(settings_.iterations)));
    auto const add_all = [&](Description const& scores) {
      for (auto const& [name, value] : scores) {
        add(name, value);
      }
    };
    add_all(score_->facts());
    add("test-rsmi", formatted("%.6f", last.rsmi));
    auto const names = score_->names();
    for (std::size_t k = 0; k < names.size(); ++k) {
      add(names[k].name, formatted(names[k].format, last.scores.at(k)));
    }
    add_all(score_->final_scores([this](torch::Tensor const& source) { return translator_->translate(source); }));
    if (settings_.translations) {
      write_translations();
    }
    auto const details = score_->details();
    result.insert(result.end(), details.begin(), details.end());
    std::string text;
    for (auto const& [name, value] : result) {
      text += name + ' ' + value + '\n';
    }
    drawing::write_file(settings_.out / "result.txt", text);
  }

  Settings settings_;
  Processes& processes_;
  Domains const& domains_;
  Score* score_;
  std::vector<torch::Tensor> samples_;
  Description description_;
  std::unique_ptr<Translator> translator_;
  RunState state_;
  bool has_evaluated_ = false;
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

Outcome run(Settings const& settings, Place const& place) {
  auto const device = find_device(settings.device, place.local_rank);
  Processes processes(place);
  if (!settings.classifiers_only && processes.is_first()) {
    require_place_for(settings);
  }
  auto domains = read_domains(settings);
  move_to(device, domains.source);
  move_to(device, domains.target);
  auto const score = processes.is_first() ? make_score(settings, domains) : nullptr;
  if (settings.classifiers_only) {
    return Outcome::finished;
  }
  return Trainer(settings, processes, domains, score.get()).run();
}

}  // namespace translate
