// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <utility>

#include "archive_file.hpp"
#include "formatted.hpp"
#include "scores/digits.hpp"

namespace translate {

namespace {

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

// The classifier of the target domain, from its file if another run has trained it.
DigitClassifier find_classifier(Settings const& settings, Domains const& domains) {
  auto const& target = domains.target;
  auto const path = settings.classifiers /
                    (target.name + '-' + domains.digest + '-' + std::to_string(settings.classifier_epochs) + ".pt");
  if (std::filesystem::exists(path)) {
    DigitClassifier classifier(target.labelled.channels());
    auto archive = read_archive(path);
    classifier->load(archive);
    classifier->to(target.labelled.pixels.device());
    classifier->eval();
    return classifier;
  }
  std::cout << "training the classifier of " << target.name << " on " << target.labelled.count() << " images"
            << std::endl;
  auto classifier = train_classifier(target.labelled, settings.classifier_epochs);
  std::filesystem::create_directories(settings.classifiers);
  torch::serialize::OutputArchive archive;
  classifier->save(archive);
  write_archive(archive, path);
  return classifier;
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
  auto const step = images_per_pass(digit_size);
  for (std::int64_t first = 0; first < images.count(); first += step) {
    auto const batch = images.range(first, first + step);
    auto const values = to_values(batch.pixels);
    auto const logits = classifier->forward(change ? change(values) : values);
    right += logits.argmax(1).eq(batch.labels).sum().item<std::int64_t>();
  }
  return 100 * static_cast<double>(right) / static_cast<double>(images.count());
}

DigitScore::DigitScore(Settings const& settings, Domains const& domains)
    : settings_(settings),
      domains_(domains),
      classifier_(find_classifier(settings, domains)),
      classifier_accuracy_(accuracy(classifier_, domains.target.test)),
      confusion_(torch::zeros({digit_count, digit_count}, torch::kInt64)) {
  std::cout << formatted("the classifier of %s is right on %.2f %% of %lld real test images",
                         domains.target.name.c_str(), classifier_accuracy_,
                         static_cast<long long>(domains.target.test.count()))
            << std::endl;
}

void DigitScore::add(std::int64_t first, torch::Tensor const& translations) {
  torch::NoGradGuard const no_gradient;
  auto const labels = domains_.source.test.labels.narrow(0, first, translations.size(0));
  auto const read = classifier_->forward(translations).argmax(1);
  confusion_ +=
    torch::bincount(labels * digit_count + read, {}, digit_count * digit_count).cpu().view({digit_count, digit_count});
}

std::vector<double> DigitScore::take() {
  last_confusion_ = confusion_;
  confusion_ = torch::zeros_like(confusion_);
  return {100 * last_confusion_.trace().item<double>() / last_confusion_.sum().item<double>()};
}

Description DigitScore::facts() const { return {{"classifier-accuracy", formatted("%.2f", classifier_accuracy_)}}; }

Description DigitScore::details() const {
  std::string counts;
  for (std::int64_t k = 0; k < digit_count * digit_count; ++k) {
    counts += (k == 0 ? "" : " ") + std::to_string(last_confusion_.flatten()[k].item<std::int64_t>());
  }
  return {{"confusion", counts}};
}

Description DigitScore::final_scores(Change const& translate) {
  if (!settings_.training_score) {
    return {};
  }
  auto const step = images_per_pass(digit_size);
  auto const source = domains_.source.train.range(0, settings_.score_images);
  std::vector<torch::Tensor> translations;
  for (std::int64_t first = 0; first < source.count(); first += step) {
    translations.push_back(to_bytes(translate(to_values(source.pixels.slice(0, first, first + step)))));
  }
  auto classifier =
    train_classifier({torch::cat(translations), source.labels, {}, {}, {}}, settings_.classifier_epochs);
  return {{"training-score", formatted("%.2f", accuracy(classifier, domains_.target.test))}};
}

}  // namespace translate
