// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <zlib.h>

#include "data/domains.hpp"
#include "data/mnist.hpp"
#include "data/mnist_m.hpp"

namespace translate {

Domains read_domains(Settings const& settings) {
  auto const folder = settings.data / "mnist";
  auto const train = read_mnist(folder, Part::train);
  auto const test = read_mnist(folder, Part::test);
  if (train.count() < settings.train_images) {
    throw std::runtime_error("--train-images is " + std::to_string(settings.train_images) + ", but there are only " +
                             std::to_string(train.count()) + " training digits");
  }
  auto photographs = read_photographs(settings.data / "bsds500");
  auto const test_count = std::max<std::size_t>(1, photographs.size() / 5);
  auto const middle = photographs.end() - static_cast<std::ptrdiff_t>(test_count);
  std::vector<drawing::Image> const test_photographs(std::make_move_iterator(middle),
                                                     std::make_move_iterator(photographs.end()));
  photographs.erase(middle, photographs.end());

  // The seeds belong to the data: a run's own seed does not change it.
  constexpr std::uint32_t train_seed = 20220618, test_seed = 20220619;
  auto const half = settings.train_images / 2;
  auto const digits = train.range(0, 2 * half);
  auto const on_photographs = make_mnist_m(digits, photographs, train_seed);
  Domain mnist{"mnist", digits.range(0, half), digits, test};
  Domain mnist_m{"mnist_m", on_photographs.range(half, 2 * half), on_photographs,
                 make_mnist_m(test, test_photographs, test_seed)};

  uLong digest = crc32(0, nullptr, 0);
  for (auto const& images : {mnist.labelled, mnist.test, mnist_m.labelled, mnist_m.test}) {
    digest = crc32_z(digest, images.pixels.data_ptr<std::uint8_t>(), static_cast<std::size_t>(images.pixels.numel()));
  }
  if (settings.direction == Direction::mm_m) {
    std::swap(mnist, mnist_m);
  }
  return {std::move(mnist), std::move(mnist_m), std::to_string(digest)};
}

}  // namespace translate
