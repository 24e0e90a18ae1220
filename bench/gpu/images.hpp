// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Batches of one picture in device memory, of any pixel type and layout.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <scc/image_batch.hpp>
#include <vector>

#include "../pixels.hpp"
#include "device.hpp"

namespace scc_bench {

template <class T>
scc::ImageBatch<T> view(T* data, Size const& size, std::int64_t batch, bool channels_last) {
  return channels_last ? scc::ImageBatch<T>::channels_last(data, batch, size.channels, size.height, size.width)
                       : scc::ImageBatch<T>::contiguous(data, batch, size.channels, size.height, size.width);
}

/// Calls body(pixel) for the pixels of the first image in the order c, h, w.
template <class T, class Body>
void for_each_pixel(scc::ImageBatch<T> const& batch, Body const& body) {
  for (std::int64_t c = 0; c < batch.channels; ++c) {
    for (std::int64_t row = 0; row < batch.height; ++row) {
      for (std::int64_t column = 0; column < batch.width; ++column) {
        body(batch.data[c * batch.channel_stride + row * batch.row_stride + column * batch.column_stride]);
      }
    }
  }
}

/// A batch of one picture, many times.
template <class T>
class Images {
public:
  Images(Size const& size, std::int64_t batch, bool channels_last)
      : memory_(static_cast<std::size_t>(batch * size.pixels()) * sizeof(T)),
        view_(scc_bench::view(static_cast<T*>(memory_.data()), size, batch, channels_last)) {}

  scc::ImageBatch<T> view() const { return view_; }
  void poison() { memory_.poison(); }

  void fill(std::vector<float> const& picture) {
    std::vector<T> image(picture.size());
    auto value = picture.begin();
    for_each_pixel(host_view(image), [&](T& pixel) { pixel = pixel_from<T>(*value++); });
    std::size_t const bytes = image.size() * sizeof(T);
    check(cudaMemcpy(view_.data, image.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    for (std::int64_t n = 1; n < view_.images; ++n) {
      check(cudaMemcpy(view_.data + n * view_.image_stride, view_.data, bytes, cudaMemcpyDeviceToDevice), "cudaMemcpy");
    }
  }

  /// The values of one image in the order c, h, w.
  std::vector<double> read(std::int64_t n) const {
    std::vector<T> image(static_cast<std::size_t>(view_.pixels()));
    check(
      cudaMemcpy(image.data(), view_.data + n * view_.image_stride, image.size() * sizeof(T), cudaMemcpyDeviceToHost),
      "cudaMemcpy");
    std::vector<double> values;
    values.reserve(image.size());
    for_each_pixel(host_view(image), [&](T pixel) { values.push_back(value_of(pixel)); });
    return values;
  }

private:
  scc::ImageBatch<T> host_view(std::vector<T>& image) const {
    scc::ImageBatch<T> one = view_;
    one.data = image.data();
    one.images = 1;
    return one;
  }

  DeviceMemory memory_;
  scc::ImageBatch<T> view_;
};

}  // namespace scc_bench
