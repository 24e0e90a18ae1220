// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A small GAN that translates digits from white ink on black to dark ink on coloured paper, without pairs and labels.
/// It is trained without and with SCC, which alone asks that a translated 3 is a 3. Prints how many digits are kept,
/// and some of them; fails if that is more than half without SCC, or fewer than 95 % with it.
///
///   scc_libtorch_gan [SEED]

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <scc/libtorch.hpp>
#include <string>
#include <vector>

namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr std::int64_t size = 8, pixels = size * size, batch = 64, hidden = 64, iterations = 1000, test_images = 1000;
constexpr double recommended_weight = 20;  // docs/libtorch.md, "Which weight"

// [10, 8, 1, size, size]: each digit at eight places, 1 where there is ink.
Tensor draw_digits() {
  std::string const rows =  // of ten digits, 5 x 7 each
    " ###    #    ###   ###     #  #####  ###  #####  ###   ###  "
    "#   #  ##   #   # #   #   ##  #     #         # #   # #   # "
    "#   #   #       #     #  # #  ####  #        #  #   # #   # "
    "#   #   #     ##    ##  #  #      # ####    #    ###   #### "
    "#   #   #    #        # #####     # #   #   #   #   #     # "
    "#   #   #   #     #   #    #  #   # #   #  #    #   #     # "
    " ###   ###  #####  ###     #   ###   ###   #     ###   ###  ";
  std::vector<float> ink;
  for (char const dot : rows) {
    ink.push_back(dot == '#' ? 1.0F : 0.0F);
  }
  auto digits = torch::constant_pad_nd(torch::tensor(ink).view({7, 10, 1, 6}).permute({1, 2, 0, 3}), {0, 2, 0, 1});
  std::vector<Tensor> places;
  for (std::int64_t place = 0; place < 8; ++place) {
    places.push_back(digits.roll({place / 4, place % 4}, {2, 3}));
  }
  return torch::stack(places, 1);
}

// [N], from 0 to 9.
Tensor random_labels(std::int64_t count) { return torch::randint(10, {count}, torch::kLong); }

// [N, 1, size, size]: the ink of these digits, each somewhere.
Tensor random_ink(Tensor const& digits, Tensor const& labels) {
  return digits.index({labels, torch::randint(digits.size(1), labels.sizes(), torch::kLong)});
}

// The input's domain, [N, 1, size, size] in [-1, 1]: white ink on black, with noise.
Tensor input_images(Tensor const& ink) { return (1.8 * ink - 0.9 + 0.1 * torch::randn_like(ink)).clamp(-1, 1); }

// The target's domain, [N, 3, size, size] in [-1, 1]: dark ink on paper of any colour, with noise.
Tensor target_images(Tensor const& ink) {
  auto const paper = torch::rand({ink.size(0), 3, 1, 1});
  return (paper * (1 - ink) - 0.7 * ink + 0.1 * torch::randn({ink.size(0), 3, size, size})).clamp(-1, 1);
}

// [N]: which digit each image of the target's domain shows, by the ink that it correlates with most.
Tensor read_digits(Tensor const& digits, Tensor const& images) {
  auto const ink = digits.flatten(2).flatten(0, 1);  // [10 * places, pixels]
  auto const dark = nn::functional::normalize(ink.mean(1, true) - ink);
  return images.mean(1).flatten(1).matmul(dark.t()).argmax(1).div(digits.size(1), "floor");
}

nn::Sequential make_generator() {
  return nn::Sequential(nn::Flatten(), nn::Linear(pixels, hidden), nn::ReLU(), nn::Linear(hidden, hidden), nn::ReLU(),
                        nn::Linear(hidden, 3 * pixels), nn::Tanh(),
                        nn::Unflatten(nn::UnflattenOptions(1, {3, size, size})));
}

nn::Sequential make_discriminator() {
  auto const leaky = nn::LeakyReLUOptions().negative_slope(0.2);
  return nn::Sequential(nn::Flatten(), nn::Linear(3 * pixels, hidden), nn::LeakyReLU(leaky), nn::Linear(hidden, hidden),
                        nn::LeakyReLU(leaky), nn::Linear(hidden, 1));
}

// Trains without pairs and without labels.
nn::Sequential train(Tensor const& digits, double weight) {
  auto generator = make_generator(), discriminator = make_discriminator();
  auto const adam = torch::optim::AdamOptions(1e-3).betas({0.5, 0.999});
  torch::optim::Adam generator_step(generator->parameters(), adam);
  torch::optim::Adam discriminator_step(discriminator->parameters(), adam);
  scc::libtorch::SccLoss structure_loss;
  auto const distance_to = [](Tensor const& verdict, double wanted) { return (verdict - wanted).square().mean(); };
  for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
    auto const input = input_images(random_ink(digits, random_labels(batch)));
    auto const target = target_images(random_ink(digits, random_labels(batch)));
    auto const translation = generator->forward(input);
    discriminator_step.zero_grad();
    auto const loss_d =
      distance_to(discriminator->forward(target), 1) + distance_to(discriminator->forward(translation.detach()), 0);
    loss_d.backward();
    discriminator_step.step();
    generator_step.zero_grad();
    auto loss_g = distance_to(discriminator->forward(translation), 1);
    if (weight > 0) {
      loss_g = loss_g + weight * structure_loss(input, translation);
    }
    loss_g.backward();
    generator_step.step();
  }
  return generator;
}

// Images side by side, [N, channels, size, size].
void print(std::string const& title, Tensor const& images) {
  std::cout << title << '\n';
  auto const shades = ((images.mean(1) + 1) * 4.99).to(torch::kLong).clamp(0, 9);
  for (std::int64_t y = 0; y < size; ++y) {
    for (std::int64_t k = 0; k < images.size(0) * size; ++k) {
      std::cout << (k % size == 0 ? "  " : "") << " .:-=+*#%@"[shades[k / size][y][k % size].item<std::int64_t>()];
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int count, char** arguments) try {
  std::uint64_t const seed = count > 1 ? std::stoull(arguments[1]) : 1;
  torch::set_num_threads(1);  // the same sums on every machine
  auto const digits = draw_digits();
  bool passes = true;
  for (double const weight : {0.0, recommended_weight}) {
    torch::manual_seed(seed);
    auto generator = train(digits, weight);
    torch::NoGradGuard const no_gradient;
    auto const labels = random_labels(test_images);
    auto const input = input_images(random_ink(digits, labels));
    auto const translation = generator->forward(input);
    double const kept = read_digits(digits, translation).eq(labels).to(torch::kDouble).mean().item<double>();
    print("input", input.slice(0, 0, 10));
    print("its translation, weight of SCC " + std::to_string(static_cast<int>(weight)), translation.slice(0, 0, 10));
    std::cout << "digits kept: " << 100 * kept << " %\n\n";
    passes = passes && (weight > 0 ? kept >= 0.95 : kept <= 0.5);
  }
  return passes ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (std::exception const& error) {
  std::cerr << "scc_libtorch_gan: " << error.what() << '\n';
  return EXIT_FAILURE;
}
