// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <random>
#include <utility>

#include "archive_file.hpp"
#include "scores/digits.hpp"

namespace translate {

namespace {

constexpr std::int64_t images_per_pass = 250;

// Torch's random numbers belong to the translator: who trains a classifier in between must not move them.
class RandomStateGuard {
public:
  RandomStateGuard() : state_(generator_.get_state()) {}
  ~RandomStateGuard() { generator_.set_state(state_); }
  RandomStateGuard(RandomStateGuard const&) = delete;
  RandomStateGuard& operator=(RandomStateGuard const&) = delete;

private:
  at::Generator generator_ = torch::globalContext().defaultGenerator(torch::kCPU);
  torch::Tensor state_;
};

torch::Tensor random_order(std::int64_t count, std::mt19937& random) {
  auto order = torch::arange(count);
  auto* const index = order.data_ptr<std::int64_t>();
  for (std::int64_t k = count - 1; k > 0; --k) {
    std::swap(index[k], index[draw_below(k + 1, random)]);
  }
  return order;
}

}  // namespace

DigitClassifier train_classifier(Images const& images, std::int64_t epochs) {
  constexpr std::int64_t batch = 64;
  constexpr double first_rate = 2e-3;
  RandomStateGuard const guard;
  torch::manual_seed(1);
  std::mt19937 random(1);
  DigitClassifier classifier(images.channels());
  auto const device = images.pixels.device();
  classifier->to(device);
  classifier->train();
  torch::optim::Adam optimizer(classifier->parameters(), torch::optim::AdamOptions(first_rate));
  auto const batches = (images.count() + batch - 1) / batch;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    auto const order = random_order(images.count(), random).to(device);
    for (std::int64_t k = 0; k < batches; ++k) {
      // Falls to 0, as far as the last batch needs it.
      auto const progress = static_cast<double>(epoch * batches + k) / static_cast<double>(epochs * batches);
      static_cast<torch::optim::AdamOptions&>(optimizer.param_groups()[0].options()).lr(first_rate * (1 - progress));
      auto const chosen = order.slice(0, k * batch, (k + 1) * batch);
      auto const logits = classifier->forward(to_values(images.pixels.index_select(0, chosen)));
      optimizer.zero_grad();
      torch::nn::functional::cross_entropy(logits, images.labels.index_select(0, chosen)).backward();
      optimizer.step();
    }
  }
  classifier->eval();
  return classifier;
}

double accuracy(DigitClassifier& classifier, Images const& images, Change const& change) {
  torch::NoGradGuard const no_gradient;
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < images.count(); first += images_per_pass) {
    auto const batch = images.range(first, first + images_per_pass);
    auto const values = to_values(batch.pixels);
    auto const logits = classifier->forward(change ? change(values) : values);
    right += logits.argmax(1).eq(batch.labels).sum().item<std::int64_t>();
  }
  return 100 * static_cast<double>(right) / static_cast<double>(images.count());
}

void save_classifier(DigitClassifier const& classifier, std::filesystem::path const& path) {
  torch::serialize::OutputArchive archive;
  classifier->save(archive);
  write_archive(archive, path);
}

DigitClassifier load_classifier(std::filesystem::path const& path, std::int64_t channels, torch::Device device) {
  DigitClassifier classifier(channels);
  auto archive = read_archive(path);
  classifier->load(archive);
  classifier->to(device);
  classifier->eval();
  return classifier;
}

}  // namespace translate
