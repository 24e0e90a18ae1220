// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string>

#include "archive_file.hpp"
#include "checkpoint.hpp"
#include "drawing/image_file.hpp"

namespace translate {

namespace {

at::Generator random_generator() { return torch::globalContext().defaultGenerator(torch::kCPU); }

std::string joined(Description const& description) {
  std::string text;
  for (auto const& [name, value] : description) {
    text += name + ' ' + value + '\n';
  }
  return text;
}

void require_same_run(std::filesystem::path const& path, std::string const& stored, Description const& description) {
  std::istringstream lines(stored);
  std::string line;
  for (auto const& [name, value] : description) {
    std::getline(lines, line);
    if (line != name + ' ' + value) {
      auto const is_same_name = line.rfind(name + ' ', 0) == 0;
      throw std::runtime_error("cannot go on from " + drawing::quoted(path) + ": " +
                               (is_same_name ? name + " is " + value + " now, and was " + line.substr(name.size() + 1)
                                             : "another version of this program wrote it"));
    }
  }
}

c10::IValue read_value(torch::serialize::InputArchive& archive, std::string const& name) {
  c10::IValue value;
  archive.read(name, value);
  return value;
}

}  // namespace

void write_checkpoint(std::filesystem::path const& path, Description const& description, RunState const& state,
                      Translator const& translator) {
  std::ostringstream sampler;
  sampler << state.sampler;
  torch::serialize::OutputArchive archive;
  archive.write("description", c10::IValue(joined(description)));
  archive.write("iteration", c10::IValue(state.iteration));
  archive.write("training_seconds", c10::IValue(state.training_seconds));
  archive.write("csv", c10::IValue(state.csv));
  std::vector<double> numbers;
  for (auto const& [iteration, rsmi, scores] : state.evaluations) {
    numbers.push_back(static_cast<double>(iteration));
    numbers.push_back(rsmi);
    numbers.insert(numbers.end(), scores.begin(), scores.end());
  }
  auto const rows = static_cast<std::int64_t>(state.evaluations.size());
  auto const evaluations = torch::tensor(numbers, torch::kFloat64);
  archive.write("evaluations", rows > 0 ? evaluations.view({rows, -1}) : evaluations.view({0, 0}));
  archive.write("sampler", c10::IValue(sampler.str()));
  archive.write("random_state", random_generator().get_state());
  torch::serialize::OutputArchive networks;
  translator.save(networks);
  archive.write("translator", networks);
  write_archive(archive, path);
}

RunState read_checkpoint(std::filesystem::path const& path, Description const& description, Translator& translator) {
  auto archive = read_archive(path);
  try {
    require_same_run(path, read_value(archive, "description").toStringRef(), description);
    RunState state;
    state.iteration = read_value(archive, "iteration").toInt();
    state.training_seconds = read_value(archive, "training_seconds").toDouble();
    state.csv = read_value(archive, "csv").toStringRef();
    torch::Tensor evaluations;
    archive.read("evaluations", evaluations);
    for (std::int64_t k = 0; k < evaluations.size(0); ++k) {
      auto const* const row = evaluations[k].data_ptr<double>();
      state.evaluations.push_back({static_cast<std::int64_t>(row[0]), row[1], {row + 2, row + evaluations.size(1)}});
    }
    std::istringstream sampler(read_value(archive, "sampler").toStringRef());
    sampler >> state.sampler;
    TORCH_CHECK(!sampler.fail(), "the sampler's state cannot be read");
    torch::Tensor random_state;
    archive.read("random_state", random_state);
    random_generator().set_state(random_state);
    torch::serialize::InputArchive networks;
    archive.read("translator", networks);
    translator.load(networks);
    return state;
  } catch (c10::Error const&) {
    throw std::runtime_error("cannot go on from " + drawing::quoted(path) + ": it is no checkpoint of this program");
  }
}

}  // namespace translate
