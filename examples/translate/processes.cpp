// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "processes.hpp"

#if defined(USE_C10D_GLOO) && __has_include(<gloo/rendezvous/store.h>)
#define SCC_HAS_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace translate {

#ifdef SCC_HAS_GLOO

namespace {

// A newer LibTorch asks for libuv, which Debian 13's was built without; an older one has no such option.
template <class Options>
auto leave_out_libuv(Options& options, int /*preferred*/) -> decltype(void(options.useLibUV)) {
  options.useLibUV = false;
}
template <class Options>
void leave_out_libuv(Options& /*options*/, long /*otherwise*/) {}

}  // namespace

class Processes::Group {
public:
  explicit Group(Place const& place) : place_(place) {
    try {
      c10d::TCPStoreOptions options;
      options.port = place.port;
      options.isServer = place.rank == 0;
      options.numWorkers = static_cast<std::size_t>(place.size);
      options.timeout = std::chrono::minutes(2);
      leave_out_libuv(options, 0);
      store_ = c10::make_intrusive<c10d::TCPStore>(place.address, options);
      // An evaluation by the first process, for which the others wait, may take hours; a process that ends is noticed at once.
      auto const settings = c10d::ProcessGroupGloo::Options::create(std::chrono::hours(24));
      settings->devices.push_back(place.address == "127.0.0.1"
                                    ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                    : c10d::ProcessGroupGloo::createDefaultDevice());
      gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store_, place.rank, place.size, settings);
    } catch (std::exception const& error) {
      throw std::runtime_error("process " + std::to_string(place.rank) + " of " + std::to_string(place.size) +
                               " has not found the others at " + place.address + ":" + std::to_string(place.port) +
                               ": " + first_line(error));
    }
  }

  // Sums the tensor, or gives all that of the first process.
  void share(torch::Tensor& tensor, bool is_sum) {
    try {
      std::vector<torch::Tensor> tensors{tensor};
      (is_sum ? gloo_->allreduce(tensors) : gloo_->broadcast(tensors))->wait();
    } catch (std::exception const& error) {
      throw std::runtime_error("process " + std::to_string(place_.rank) + " of " + std::to_string(place_.size) +
                               " stops, because " + who_ended() + ": " + first_line(error));
    }
  }

private:
  static std::string first_line(std::exception const& error) {
    std::string const text = error.what();
    return text.substr(0, text.find('\n'));
  }

  // Each process that is left says so, in the store of process 0.
  std::string who_ended() {
    std::string ended;
    try {
      auto const key = [](int rank) { return "left " + std::to_string(rank); };
      store_->set(key(place_.rank), std::vector<std::uint8_t>{1});
      std::this_thread::sleep_for(std::chrono::seconds(2));
      for (int rank = 0; rank < place_.size; ++rank) {
        if (!store_->check({key(rank)})) {
          ended += (ended.empty() ? "process " : ", process ") + std::to_string(rank);
        }
      }
      // The store must not end before all have looked.
      std::this_thread::sleep_for(std::chrono::seconds(place_.rank == 0 ? 3 : 0));
    } catch (std::exception const&) {
      ended = "process 0";
    }
    return ended + " has ended";
  }

  Place place_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
};

#else

class Processes::Group {
public:
  explicit Group(Place const& /*place*/) {
    throw std::runtime_error("several processes need Gloo, which this program was built without (Debian: libgloo-dev)");
  }
  void share(torch::Tensor& /*tensor*/, bool /*is_sum*/) {}
};

#endif

Processes::Processes(Place const& place) : place_(place) {
  if (place.size > 1) {
    group_ = std::make_unique<Group>(place);
  }
}

Processes::~Processes() = default;

void Processes::broadcast(std::vector<torch::Tensor> const& tensors) {
  if (!group_) {
    return;
  }
  torch::NoGradGuard const no_gradient;
  for (auto const& tensor : tensors) {
    auto on_cpu = tensor.cpu().contiguous();
    group_->share(on_cpu, false);
    tensor.copy_(on_cpu);
  }
}

// All in one message; by way of the CPU, where Gloo works.
void Processes::average(std::vector<torch::Tensor> const& tensors) {
  if (!group_) {
    return;
  }
  torch::NoGradGuard const no_gradient;
  std::vector<torch::Tensor> flat;
  for (auto const& tensor : tensors) {
    flat.push_back(tensor.flatten());
  }
  auto sum = torch::cat(flat).cpu();
  group_->share(sum, true);
  sum.div_(size());
  std::int64_t first = 0;
  for (auto const& tensor : tensors) {
    tensor.copy_(sum.narrow(0, first, tensor.numel()).view_as(tensor));
    first += tensor.numel();
  }
}

bool Processes::any(bool value) {
  auto count = torch::tensor({value ? 1.0F : 0.0F});
  if (group_) {
    group_->share(count, true);
  }
  return count.item<float>() > 0;
}

}  // namespace translate
