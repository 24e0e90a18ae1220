// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <zlib.h>

#include "combinations.hpp"
#include "data/domains.hpp"
#include "data/image_folder.hpp"
#include "data/mnist.hpp"
#include "data/mnist_m.hpp"
#include "data/svhn.hpp"

namespace translate {

namespace {

// As many training digits as are asked for.
Images first_digits(Settings const& settings, Images const& digits) {
  if (digits.count() < settings.train_images) {
    throw std::runtime_error("--train-images is " + std::to_string(settings.train_images) + ", but there are only " +
                             std::to_string(digits.count()) + " training digits");
  }
  return digits.range(0, settings.train_images);
}

// MNIST, or Fashion-MNIST in the same format, and what MNIST-M makes of it.
Domains read_on_photographs(Settings const& settings, DigitFiles const& files) {
  auto const half = settings.train_images / 2;
  auto const digits = first_digits(settings, read_mnist(settings.data, files, Part::train)).range(0, 2 * half);
  auto const test = read_mnist(settings.data, files, Part::test);
  auto photographs = read_photographs(settings.data / "bsds500");
  auto const test_count = std::max<std::size_t>(1, photographs.size() / 5);
  auto const middle = photographs.end() - static_cast<std::ptrdiff_t>(test_count);
  std::vector<drawing::Image> const test_photographs(std::make_move_iterator(middle),
                                                     std::make_move_iterator(photographs.end()));
  photographs.erase(middle, photographs.end());

  // The seeds belong to the data: a run's own seed does not change it.
  constexpr std::uint32_t train_seed = 20220618, test_seed = 20220619;
  auto const on_photographs = make_mnist_m(digits, photographs, train_seed);
  return {{files.name, digits.range(0, half), digits, test},
          {files.name + std::string("_m"), on_photographs.range(half, 2 * half), on_photographs,
           make_mnist_m(test, test_photographs, test_seed)},
          {}};
}

Domains read_svhn_and_mnist(Settings const& settings) {
  auto const svhn = first_digits(settings, read_svhn(settings.data / "svhn", Part::train));
  auto const mnist = first_digits(settings, read_mnist(settings.data, mnist_files, Part::train));
  return {{"svhn", svhn, svhn, read_svhn(settings.data / "svhn", Part::test)},
          {"mnist", mnist, mnist, read_mnist(settings.data, mnist_files, Part::test)},
          {}};
}

// The training images are larger, for random crops.
Domain read_folders(Settings const& settings, std::string const& letter) {
  auto const train_size = settings.size + settings.size * settings.crop_margin / 256;
  Domain domain{letter,
                read_image_folder(settings.data / ("train" + letter), train_size),
                {},
                read_image_folder(settings.data / ("test" + letter), settings.size)};
  if (!settings.guides.empty()) {
    domain.train.guides = read_aligned(settings.guides / ("train" + letter), domain.train.names, train_size);
  }
  if (!settings.masks.empty()) {
    domain.train.masks =
      read_aligned(settings.masks / ("train" + letter), domain.train.names, train_size).amax(1, true);
  }
  return domain;
}

// Of each digit the first images, as many as its share asks for.
Images with_shares(Images const& images, std::vector<double> const& shares) {
  std::vector<torch::Tensor> kept;
  for (std::size_t digit = 0; digit < shares.size(); ++digit) {
    auto const of_digit = images.labels.eq(static_cast<std::int64_t>(digit)).nonzero().flatten();
    kept.push_back(of_digit.slice(0, 0, std::llround(shares[digit] * static_cast<double>(of_digit.size(0)))));
  }
  auto const chosen = torch::cat(kept);
  if (chosen.size(0) == 0) {
    throw std::runtime_error("--target-shares leaves no training image");
  }
  return images.changed([&](torch::Tensor const& all) { return all.index_select(0, chosen); });
}

// Grey images as the others: three equal channels.
void make_colored(Images& images) {
  if (images.pixels.defined()) {
    images.pixels = images.pixels.expand({-1, 3, -1, -1}).contiguous();
  }
}

Domains read(Settings const& settings) {
  switch (settings.direction) {
    case Direction::s_m:
    case Direction::m_s:
      return read_svhn_and_mnist(settings);
    case Direction::f_fm:
    case Direction::fm_f:
      return read_on_photographs(settings, fashion_mnist_files);
    case Direction::a_b:
    case Direction::b_a:
      return {read_folders(settings, "A"), read_folders(settings, "B"), {}};
    case Direction::m_mm:
    case Direction::mm_m:
      break;
  }
  return read_on_photographs(settings, mnist_files);
}

}  // namespace

Domains read_domains(Settings const& settings) {
  auto domains = read(settings);
  if (entry_of(settings.method).reads_both || settings.identity_weight > 0) {
    for (auto* const domain : {&domains.source, &domains.target}) {
      for (auto* const images : {&domain->train, &domain->labelled, &domain->test}) {
        make_colored(*images);
      }
    }
  }
  uLong digest = crc32(0, nullptr, 0);
  for (auto const* const domain : {&domains.source, &domains.target}) {
    auto const& train = domain->train;
    bool const has_labels = domain->labelled.pixels.defined();
    for (auto const& pixels :
         {has_labels ? domain->labelled.pixels : train.pixels, domain->test.pixels, train.guides, train.masks}) {
      if (pixels.defined()) {
        digest = crc32_z(digest, pixels.data_ptr<std::uint8_t>(), static_cast<std::size_t>(pixels.numel()));
      }
    }
  }
  domains.digest = std::to_string(digest);
  auto const direction = settings.direction;
  if (direction == Direction::mm_m || direction == Direction::m_s || direction == Direction::fm_f ||
      direction == Direction::b_a) {
    std::swap(domains.source, domains.target);
  }
  if (!settings.target_shares.empty()) {
    domains.target.train = with_shares(domains.target.train, settings.target_shares);
  }
  return domains;
}

}  // namespace translate
