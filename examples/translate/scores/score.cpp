// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <stdexcept>

#include "scores/digits.hpp"
#include "scores/maps.hpp"
#include "scores/parsing.hpp"

namespace translate {

namespace {

class NoScore final : public Score {
public:
  std::vector<Name> names() const override { return {}; }
  void add(std::int64_t /*first*/, torch::Tensor const& /*translations*/) override {}
  std::vector<double> take() override { return {}; }
};

}  // namespace

std::unique_ptr<Score> make_score(Settings const& settings, Domains const& domains) {
  if (!is_folders(settings.direction)) {
    return std::make_unique<DigitScore>(settings, domains);
  }
  if (settings.score == ScoreKind::none) {
    return std::make_unique<NoScore>();
  }
  auto const& target = domains.target.test;
  if (domains.source.test.names != target.names) {
    throw std::runtime_error(
      "--score compares test images with their partners: testA and testB must have the same names");
  }
  if (settings.score == ScoreKind::maps) {
    return std::make_unique<MapScore>(target);
  }
  return std::make_unique<ParsingScore>(target);
}

}  // namespace translate
