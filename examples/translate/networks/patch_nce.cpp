// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstddef>
#include <string>

#include "networks/generator.hpp"
#include "networks/patch_nce.hpp"

namespace translate {

PatchNceImpl::PatchNceImpl(std::vector<std::int64_t> const& channels) {
  namespace nn = torch::nn;
  constexpr std::int64_t width = 256;
  for (auto const in : channels) {
    nn::Sequential const mlp(nn::Linear(in, width), nn::ReLU(), nn::Linear(width, width));
    mlps_.push_back(register_module("mlp" + std::to_string(mlps_.size()), mlp));
  }
  initialize(*this, Style::antialiased);
}

torch::Tensor PatchNceImpl::forward(std::vector<torch::Tensor> const& queries, std::vector<torch::Tensor> const& keys) {
  constexpr std::int64_t most_places = 256;
  constexpr double temperature = 0.07, same_place = -10;
  auto loss = torch::zeros({}, queries.front().options());
  for (std::size_t layer = 0; layer < mlps_.size(); ++layer) {
    auto const places = torch::randperm(queries[layer][0][0].numel()).slice(0, 0, most_places).to(loss.device());
    // [N, places, width], of length 1
    auto const project = [&](torch::Tensor const& features) {
      auto const projected = mlps_[layer]->forward(features.flatten(2).index_select(2, places).transpose(1, 2));
      return projected / (projected.norm(2, {2}, true) + 1e-7);
    };
    auto const query = project(queries[layer]), key = project(keys[layer]).detach();
    auto const positive = (query * key).sum(2, true);
    auto const is_same = torch::eye(places.size(0), places.options().dtype(torch::kBool));
    auto const negative = query.bmm(key.transpose(1, 2)).masked_fill(is_same, same_place);
    auto const logits = (torch::cat({positive, negative}, 2) / temperature).flatten(0, 1);
    loss = loss + torch::nn::functional::cross_entropy(logits, torch::zeros({logits.size(0)}, places.options()));
  }
  return loss / static_cast<double>(mlps_.size());
}

}  // namespace translate
