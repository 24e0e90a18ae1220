// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <scc/plan/kernel_grid.hpp>
#include <string>
#include <utility>

#include "../../examples/drawing/canvas.hpp"
#include "../../examples/inspect/numbers.hpp"
#include "plots.hpp"

namespace parameters {

namespace {

using namespace drawing;
using drawing::colors::grey;
using drawing::colors::ink;
using drawing::colors::light_grey;
using drawing::colors::white;
using inspect::ValueRange;

constexpr int page_width = 1500;
constexpr double small_text = 10;
constexpr double normal_text = 11.5;
constexpr double title_text = 15;

constexpr Color pair_color{24, 79, 162};
constexpr Color itself_color{170, 25, 45};

// The shades of each channel in a panel are the multiples of this.
constexpr int shade_step = 17;

// Blue over white to red for r = 0 over 1 to 2 and more, in bands 1/8 wide. Of few shades, like everything here.
Color ratio_color(double r) {
  static constexpr std::array<std::array<int, 3>, 17> shades{{{4, 7, 11},
                                                              {5, 8, 11},
                                                              {6, 9, 12},
                                                              {7, 10, 12},
                                                              {8, 11, 13},
                                                              {10, 12, 14},
                                                              {12, 13, 14},
                                                              {14, 14, 15},
                                                              {15, 14, 14},
                                                              {15, 13, 12},
                                                              {15, 12, 11},
                                                              {14, 10, 9},
                                                              {14, 9, 8},
                                                              {13, 8, 7},
                                                              {12, 7, 6},
                                                              {12, 6, 6},
                                                              {11, 5, 6}}};
  auto const band = static_cast<std::size_t>(std::clamp(8 * r, 0.0, 16.0));
  auto const channel = [&](std::size_t k) { return static_cast<std::uint8_t>(shade_step * shades[band][k]); };
  return {channel(0), channel(1), channel(2)};
}

// The nearest of 16 shades of each channel, which no eye misses, and which make the file smaller.
Color in_few_shades(Color color) {
  auto const nearest = [](int value) {
    return static_cast<std::uint8_t>((value + shade_step / 2) / shade_step * shade_step);
  };
  return {nearest(color.red), nearest(color.green), nearest(color.blue)};
}

double share_of(ValueRange range, double value) { return (value - range.low) / (range.high - range.low); }

// Draws one panel of a row.
class Panel {
public:
  static constexpr int size = 2 * inspect::JointHistogram::cells;

  Panel(Canvas& canvas, Point corner, Setting const& setting, Measured const& measured)
      : canvas_(canvas),
        plot_{static_cast<int>(corner.x), static_cast<int>(corner.y), size, size},
        axis_(axis_range(setting)),
        setting_(setting),
        measured_(measured) {}

  void draw(inspect::JointHistogram const& histogram, bool shows_centers) {
    canvas_.text({static_cast<double>(plot_.left), plot_.top - 34.0}, setting_.heading, normal_text, ink);
    canvas_.text({static_cast<double>(plot_.left), plot_.top - 13.0}, setting_.remark, small_text, grey);
    draw_ratio(histogram);
    draw_contours();
    draw_domain();
    if (shows_centers) {
      draw_centers();
    }
    canvas_.frame(plot_, grey);
    draw_ticks();
    draw_numbers();
  }

private:
  Point at(double u, double v) const {
    return {plot_.left + share_of(axis_, u) * size, plot_.bottom() - share_of(axis_, v) * size};
  }

  void draw_ratio(inspect::JointHistogram const& histogram) {
    // The index of the value at a share of the axis, or -1 if there are no pixels of that value.
    auto const cell = [&](double share) {
      double const value = axis_.low + share * (axis_.high - axis_.low);
      double const place = share_of(setting_.values, value) * inspect::JointHistogram::cells;
      return place >= 0 && place < inspect::JointHistogram::cells ? static_cast<int>(place) : -1;
    };
    auto const point = [](double share) {
      return static_cast<int>(std::lround(share * (inspect::RatioMap::points - 1)));
    };
    canvas_.shade(plot_, [&](double right, double down) {
      int const u = cell(right), v = cell(1 - down);
      auto const background = ratio_color(measured_.ratio.at(point(right), point(1 - down)));
      return u < 0 || v < 0 ? background
                            : in_few_shades(inspect::count_color(histogram, histogram.at(u, v), background));
    });
  }

  void draw_contours() {
    double const scale = static_cast<double>(size) / (inspect::RatioMap::points - 1);
    for (double const level : {0.5, 1.0, 1.5}) {
      auto lines = inspect::contour(measured_.ratio, level);
      for (auto& line : lines) {
        for (auto* point : {&line.from, &line.to}) {
          *point = {plot_.left + point->x * scale, plot_.bottom() - point->y * scale};
        }
      }
      canvas_.lines(lines, level == 1 ? 2.4 : 1.1, level == 1 ? ink : (level < 1 ? pair_color : itself_color));
    }
  }

  // The domain, where the panel shows more than that.
  void draw_domain() {
    auto const& options = setting_.options;
    if (options.domain_min <= axis_.low && options.domain_max >= axis_.high) {
      return;
    }
    auto const low = at(options.domain_min, options.domain_min), high = at(options.domain_max, options.domain_max);
    std::vector<Segment> const border{
      {low, {high.x, low.y}}, {{high.x, low.y}, high}, {high, {low.x, high.y}}, {{low.x, high.y}, low}};
    canvas_.lines(border, 5, white);
    canvas_.lines(border, 2.4, {20, 120, 70});
  }

  void draw_centers() {
    scc::KernelGrid const grid(setting_.options);
    std::vector<Segment> dots;
    for (int p = 0; p < grid.size(); ++p) {
      for (int q = 0; q < grid.size(); ++q) {
        auto const center = at(grid.center(p), grid.center(q));
        dots.push_back({center, center});
      }
    }
    bool const is_crowded = grid.size() > 20;
    if (!is_crowded) {
      canvas_.lines(dots, 8, white);
    }
    canvas_.lines(dots, is_crowded ? 2 : 5, {20, 120, 70});
  }

  void draw_ticks() {
    for (double const share : {0.0, 0.5, 1.0}) {
      double const value = axis_.low + share * (axis_.high - axis_.low);
      auto const text = inspect::significant(value, 3);
      auto const place = at(value, value);
      canvas_.text({place.x, plot_.bottom() + 18.0}, text, small_text, ink, Align::center);
      canvas_.text({plot_.left - 6.0, place.y + (share == 0 ? 0 : (share == 1 ? 1 : 0.5)) * small_text}, text,
                   small_text, ink, Align::right);
    }
  }

  void draw_numbers() {
    auto const numbers = triple(measured_.inspection);
    double y = plot_.bottom() + 48;
    auto const row = [&](std::string const& name, std::string const& value, Color color) {
      canvas_.text({static_cast<double>(plot_.left), y}, name, small_text, color);
      canvas_.text({static_cast<double>(plot_.right()), y}, value, small_text, color, Align::right);
      y += 23;
    };
    row("rSMI of this pair", inspect::fixed(numbers.pair, 3), pair_color);
    row("of input and input", inspect::fixed(numbers.itself, 3), itself_color);
    row("of shuffled pixels", inspect::fixed(numbers.shuffled, 3), grey);
    row("r from, to", inspect::fixed(measured_.ratio.smallest, 2) + ",  " + inspect::fixed(measured_.ratio.largest, 2),
        ink);
  }

  Canvas& canvas_;
  Box plot_;
  ValueRange axis_;
  Setting const& setting_;
  Measured const& measured_;
};

// Draws the curves of one sweep.
class CurvePlot {
public:
  static constexpr int width = 420, height = 330;

  CurvePlot(Canvas& canvas, Point corner, Sweep const& sweep)
      : canvas_(canvas),
        plot_{static_cast<int>(corner.x), static_cast<int>(corner.y), width, height},
        sweep_(sweep) {}

  void draw(std::vector<Triple> const& triples) {
    canvas_.text({static_cast<double>(plot_.left), plot_.top - 14.0}, sweep_.title, normal_text, ink);
    draw_axes();
    draw_curve(triples, &Triple::shuffled, grey);
    draw_curve(triples, &Triple::itself, itself_color);
    draw_curve(triples, &Triple::pair, pair_color);
  }

private:
  static constexpr ValueRange shown{-0.2, 0.8};

  double across(double parameter) const {
    double const first = std::log(sweep_.at.front()), last = std::log(sweep_.at.back());
    return plot_.left + (std::log(parameter) - first) / (last - first) * plot_.width;
  }
  double up(double rsmi) const { return plot_.bottom() - share_of(shown, rsmi) * plot_.height; }

  void draw_axes() {
    for (int k = -2; k <= 8; k += 2) {
      double const y = up(0.1 * k);
      canvas_.lines({{{plot_.left + 0.0, y}, {plot_.right() + 0.0, y}}}, k == 0 ? 1.6 : 1, k == 0 ? grey : light_grey);
      canvas_.text({plot_.left - 8.0, y + small_text / 2}, inspect::fixed(0.1 * k, 1), small_text, ink, Align::right);
    }
    double const standard = across(sweep_.standard);
    canvas_.lines({{{standard, plot_.top + 0.0}, {standard, plot_.bottom() + 0.0}}}, 1.6, {20, 120, 70});
    canvas_.text({standard - 6, plot_.bottom() - 10.0}, "default", small_text, {20, 120, 70}, Align::right);
    for (double const tick : sweep_.ticks) {
      double const x = across(tick);
      canvas_.lines({{{x, plot_.bottom() + 1.0}, {x, plot_.bottom() + 6.0}}}, 1, grey);
      canvas_.text({x, plot_.bottom() + 24.0}, inspect::significant(tick, 2), small_text, ink, Align::center);
    }
    canvas_.text({plot_.left + plot_.width / 2.0, plot_.bottom() + 50.0}, sweep_.parameter, normal_text, ink,
                 Align::center);
    canvas_.frame(plot_, grey);
  }

  void draw_curve(std::vector<Triple> const& triples, double Triple::*which, Color color) {
    std::vector<Segment> lines;
    for (std::size_t k = 0; k + 1 < triples.size(); ++k) {
      Point from{across(sweep_.at[k]), triples[k].*which}, to{across(sweep_.at[k + 1]), triples[k + 1].*which};
      // What lies below the plot is cut off.
      if (std::max(from.y, to.y) <= shown.low) {
        continue;
      }
      auto& lower = from.y < to.y ? from : to;
      auto const& higher = from.y < to.y ? to : from;
      if (lower.y < shown.low) {
        double const t = (shown.low - higher.y) / (lower.y - higher.y);
        lower = {higher.x + t * (lower.x - higher.x), shown.low};
      }
      lines.push_back({{from.x, up(from.y)}, {to.x, up(to.y)}});
    }
    canvas_.lines(lines, 3, color);
  }

  Canvas& canvas_;
  Box plot_;
  Sweep const& sweep_;
};

// Draws the scale of ratio_color(), with its left upper corner at (x, y).
void draw_scale(Canvas& canvas, double x, double y) {
  Box const bar{static_cast<int>(x) + 24, static_cast<int>(y), 180, 14};
  canvas.shade(bar, [](double right, double) { return ratio_color(2 * right); });
  canvas.frame(bar, grey);
  canvas.text({x, y + 13}, "r", normal_text, ink);
  std::array<char const*, 3> const texts{"0", "1", "2, more"};
  for (std::size_t k = 0; k < texts.size(); ++k) {
    canvas.text({bar.left + static_cast<double>(k) * bar.width / 2, y + 32}, texts[k], small_text, ink, Align::center);
  }
}

}  // namespace

ValueRange axis_range(Setting const& setting) {
  return {std::min(setting.values.low, setting.options.domain_min),
          std::max(setting.values.high, setting.options.domain_max)};
}

Measured measure(Setting const& setting, inspect::ImagePair const& pair) {
  Measured measured{inspect::inspect_pair(setting.options, pair, setting.values, 1), {}};
  measured.ratio = inspect::ratio_map(setting.options, measured.inspection.statistics, axis_range(setting));
  return measured;
}

std::string draw_pair(inspect::ImagePair const& pair, Format format) {
  constexpr int gap = 30, top = 40;
  Canvas canvas(2 * pair.input.width + 3 * gap, pair.input.height + top + gap, format);
  int left = gap;
  for (auto const& [name, image] :
       {std::make_pair(pair.input_name, pair.input), std::make_pair(pair.translation_name, pair.translation)}) {
    Box const box{left, top, image.width, image.height};
    canvas.text({static_cast<double>(left), top - 12.0}, name, normal_text, ink);
    canvas.picture(box, drawing::view_of(image));
    canvas.frame(box, grey);
    left = box.right() + gap;
  }
  return canvas.finish();
}

std::string draw_study(Study const& study, std::vector<Measured> const& measured, inspect::ImagePair const& pair,
                       Format format) {
  constexpr int first = 62, step = Panel::size + 36, top = 118;
  Canvas canvas(page_width, 558, format);
  canvas.text({20, 40}, study.title, title_text, ink);
  auto const histogram = inspect::joint_histogram(pair);
  for (std::size_t k = 0; k < study.settings.size(); ++k) {
    Point const corner{static_cast<double>(first + static_cast<int>(k) * step), top};
    Panel(canvas, corner, study.settings[k], measured[k]).draw(histogram, study.shows_centers);
  }
  canvas.text({20, 528}, "Across: value u of the input. Up: value v of the translation. Grey: which pairs occur.",
              small_text, grey);
  canvas.text({20, 548},
              "Colour: fitted ratio r(u, v); lines at 0.5, 1 (thick) and 1.5. Red: pairs that independent images "
              "would have, and this pair lacks.",
              small_text, grey);
  draw_scale(canvas, 1230, 514);
  return canvas.finish();
}

std::string draw_sweeps(std::vector<Sweep> const& sweeps, std::vector<std::vector<Triple>> const& triples,
                        Format format) {
  constexpr int first = 62, step = CurvePlot::width + 66, top = 118;
  Canvas canvas(page_width, 512, format);
  canvas.text({20, 40}, "rSMI over sigma and lambda", title_text, ink);
  std::array<std::pair<char const*, Color>, 3> const curves{
    {{"input and input", itself_color}, {"this pair", pair_color}, {"pixels shuffled", grey}}};
  double x = 560;
  for (auto const& [name, color] : curves) {
    canvas.lines({{{x, 34}, {x + 40, 34}}}, 3, color);
    canvas.text({x + 52, 40}, name, normal_text, ink);
    x += 290;
  }
  for (std::size_t k = 0; k < sweeps.size(); ++k) {
    Point const corner{static_cast<double>(first + static_cast<int>(k) * step), top};
    CurvePlot(canvas, corner, sweeps[k]).draw(triples[k]);
  }
  return canvas.finish();
}

}  // namespace parameters
