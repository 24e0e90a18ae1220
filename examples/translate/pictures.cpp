// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "drawing/canvas.hpp"
#include "pictures.hpp"

namespace translate {

namespace {

using namespace drawing;

constexpr Box plot{60, 56, 560, 260};
constexpr double text_height = 9;
constexpr Color accuracy_color{31, 95, 168};
constexpr Color rsmi_color{179, 81, 28};

std::string label(double number) {
  std::ostringstream text;
  text << std::setprecision(3) << number;
  return text.str();
}

// A line through points, with a dot on each, so that a single one is seen.
void draw_curve(Canvas& canvas, std::vector<Point> const& points, Color color) {
  std::vector<Segment> lines, dots;
  for (std::size_t k = 0; k < points.size(); ++k) {
    dots.push_back({points[k], points[k]});
    lines.push_back({points[k > 0 ? k - 1 : 0], points[k]});
  }
  canvas.lines(lines, 2, color);
  canvas.lines(dots, 5, color);
}

}  // namespace

std::string draw_plot(std::vector<Evaluation> const& evaluations, std::string const& title, std::int64_t iterations) {
  constexpr double least_rsmi_range = 0.05;
  double largest_rsmi = least_rsmi_range;
  for (auto const& evaluation : evaluations) {
    if (std::isfinite(evaluation.rsmi)) {
      largest_rsmi = std::max(largest_rsmi, evaluation.rsmi);
    }
  }
  constexpr int ticks = 5;
  double const rsmi_range = ticks * round_numbers(0, largest_rsmi, ticks).at(1);
  auto const place = [](double right, double up) {
    return Point{plot.left + plot.width * right, plot.bottom() - plot.height * std::clamp(up, 0.0, 1.0)};
  };

  Canvas canvas(700, 376, Format::svg);
  canvas.text({plot.left - 44.0, 22}, title, text_height, colors::ink, Align::left, drawing::Direction::right,
              Weight::bold);
  for (int tick = 0; tick <= ticks; ++tick) {
    double const share = static_cast<double>(tick) / ticks;
    auto const at = place(share, share);
    canvas.lines(
      {{{plot.left + 0.0, at.y}, {plot.right() + 0.0, at.y}}, {{at.x, plot.top + 0.0}, {at.x, plot.bottom() + 0.0}}}, 1,
      colors::light_grey);
    canvas.text({plot.left - 8.0, at.y + text_height / 2}, label(100 * share), text_height, accuracy_color,
                Align::right);
    canvas.text({plot.right() + 8.0, at.y + text_height / 2}, label(rsmi_range * share), text_height, rsmi_color);
    canvas.text({at.x, plot.bottom() + 20.0}, std::to_string(std::llround(static_cast<double>(iterations) * share)),
                text_height, colors::ink, Align::center);
  }
  canvas.text({plot.left - 44.0, plot.top - 14.0}, "accuracy, %", text_height, accuracy_color);
  canvas.text({plot.right() + 44.0, plot.top - 14.0}, "rSMI", text_height, rsmi_color, Align::right);
  canvas.text({plot.left + plot.width / 2.0, plot.bottom() + 44.0}, "iterations", text_height, colors::ink,
              Align::center);

  std::vector<Point> accuracy, rsmi;
  for (auto const& evaluation : evaluations) {
    double const right = static_cast<double>(evaluation.iteration) / static_cast<double>(iterations);
    if (!evaluation.scores.empty()) {
      accuracy.push_back(place(right, evaluation.scores.front() / 100));
    }
    if (std::isfinite(evaluation.rsmi)) {
      rsmi.push_back(place(right, evaluation.rsmi / rsmi_range));
    }
  }
  draw_curve(canvas, rsmi, rsmi_color);
  draw_curve(canvas, accuracy, accuracy_color);
  return canvas.finish();
}

std::string draw_grid(std::vector<torch::Tensor> const& rows, int scale) {
  std::vector<torch::Tensor> lines;
  lines.reserve(rows.size());
  for (auto const& row : rows) {
    auto const images = row.cpu().expand({-1, 3, -1, -1});
    // [columns, 3, H, W] to [H, columns * W, 3].
    lines.push_back(images.permute({2, 0, 3, 1}).reshape({images.size(2), -1, 3}));
  }
  auto const picture = torch::cat(lines).contiguous();
  auto const height = static_cast<int>(picture.size(0)), width = static_cast<int>(picture.size(1));
  drawing::Canvas canvas(scale * width, scale * height, drawing::Format::png);
  canvas.picture({0, 0, scale * width, scale * height}, {picture.data_ptr<std::uint8_t>(), width, height, 3});
  return canvas.finish();
}

}  // namespace translate
