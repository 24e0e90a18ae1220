// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../drawing/canvas.hpp"
#include "joint_histogram.hpp"
#include "numbers.hpp"
#include "report.hpp"

namespace inspect {

namespace {

using namespace drawing;

constexpr int margin = 48;
constexpr int page_width = 1500;
constexpr int images_top = 176;
constexpr int image_box = 420;
constexpr int image_step = image_box + 32;
constexpr int plot_left = margin + 72;
constexpr int plot_size = 4 * JointHistogram::cells;
constexpr int margin_plot = 52;  // height of the bars along the joint histogram
constexpr int column_left = 780;
constexpr int column_width = page_width - margin - column_left;

constexpr double small_text = 9.2;
constexpr double normal_text = 9.5;
constexpr double heading_text = 12.5;
constexpr int disc = 24;            // behind the number of a part
constexpr int heading_indent = 34;  // of the heading after it

constexpr Color less_than_one{18, 62, 140};
constexpr Color more_than_one{160, 20, 40};

Box image_place(drawing::Image const& image, int index) {
  double const scale = static_cast<double>(image_box) / std::max(image.width, image.height);
  auto const extent = [&](int size) { return std::max(1, static_cast<int>(std::lround(size * scale))); };
  return {margin + index * image_step, images_top, extent(image.width), extent(image.height)};
}

// Draws one report; every part of it is a function that draws at its place.
class Report {
public:
  Report(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values, Inspection const& inspection,
         Format format)
      : loss_(loss),
        pair_(pair),
        values_(values),
        inspection_(inspection),
        histogram_(joint_histogram(pair)),
        ratio_(ratio_map(loss.options(), inspection.statistics, values)),
        plot_{plot_left, image_place(pair.input, 0).bottom() + 176, plot_size, plot_size},
        canvas_(page_width, plot_.bottom() + 88, format) {}

  std::string draw() {
    draw_title();
    draw_image(0, "Input: " + pair_.input_name, pair_.input);
    draw_image(1, "Translation: " + pair_.translation_name, pair_.translation);
    draw_sensitivity();
    draw_joint_plot();
    draw_column();
    return canvas_.finish();
  }

private:
  // `text`, with its middle left out if it is wider than `width`.
  std::string shortened(std::string text, double height, double width) {
    std::string result = text;
    while (canvas_.text_width(result, height) > width && text.size() > 3) {
      text.erase(text.size() / 2, 1);
      result = text.substr(0, text.size() / 2) + "..." + text.substr(text.size() / 2);
    }
    return result;
  }

  void draw_title() {
    auto const number = "rSMI " + fixed(inspection_.score.rsmi, 4);
    canvas_.text({margin, 82}, number, 30, colors::ink, Align::left, Direction::right, Weight::bold);
    double const beside = margin + canvas_.text_width(number, 30, Weight::bold) + 32;
    canvas_.text({beside, 62}, "How much of the input's structure the translation keeps", 14, colors::ink);
    canvas_.text({beside, 83}, "estimated from all pairs (input value u, translation value v) at the same pixel", 10.5,
                 colors::grey);
    canvas_.text({margin, 116}, describe(loss_), 10.5, colors::grey);
    canvas_.fill({margin, 132, page_width - 2 * margin, 1}, colors::light_grey);
  }

  void draw_label(Point at, std::string const& text, Color color = colors::ink, Align align = Align::left) {
    canvas_.text(at, text, small_text, color, align);
  }

  // The number of a part, on a disc before its heading: docs/tutorial.md explains the parts by their numbers.
  void draw_number(Point at, int number) {
    Point const middle{at.x + disc / 2.0, at.y - heading_text / 2};
    canvas_.lines({{middle, middle}}, disc, less_than_one);
    canvas_.text({middle.x, middle.y + heading_text / 2 - 1}, std::to_string(number), heading_text - 2, colors::white,
                 Align::center, Direction::right, Weight::bold);
  }

  void draw_heading(Point at, int number, std::string const& heading) {
    draw_number(at, number);
    canvas_.text({at.x + heading_indent, at.y}, heading, heading_text, colors::ink, Align::left, Direction::right,
                 Weight::bold);
  }

  // Images have the numbers from 1 on.
  void draw_image_heading(int index, std::string const& heading) {
    Point const at{static_cast<double>(margin + index * image_step), images_top - 14};
    draw_number(at, index + 1);
    canvas_.text({at.x + heading_indent, at.y - 1}, shortened(heading, heading_text - 2, image_box - heading_indent),
                 heading_text - 2, colors::ink);
  }

  // Faded where the mask leaves pixels out.
  void draw_image(int index, std::string const& heading, drawing::Image image) {
    auto const box = image_place(image, index);
    auto const channels = static_cast<std::size_t>(image.channels);
    for (std::size_t k = 0; k < image.pixels.size() && pair_.is_masked(); ++k) {
      double const share = 0.2 + 0.8 * pair_.weight(k / channels);
      image.pixels[k] = static_cast<std::uint8_t>(std::lround(255 - share * (255 - image.pixels[k])));
    }
    draw_image_heading(index, heading);
    canvas_.picture(box, drawing::view_of(image));
    canvas_.frame(box, colors::grey);
  }

  // A vertical scale bar with ticks at its right; `place` maps a number to [0, 1], upwards.
  template <class Map, class Place>
  void draw_bar(Box const& bar, std::vector<double> const& ticks, Map const& color, Place const& place) {
    canvas_.shade(bar, [&](double, double v) { return color(1 - v); });
    canvas_.frame(bar, colors::grey);
    for (double const tick : ticks) {
      double const y = bar.bottom() - place(tick) * bar.height;
      canvas_.lines({{{bar.right() + 1.0, y}, {bar.right() + 5.0, y}}}, 1, colors::grey);
      draw_label({bar.right() + 10.0, y + 0.5 * small_text}, significant(tick, 8));
    }
  }

  void draw_sensitivity() {
    auto sorted = inspection_.sensitivity;
    auto const rank = static_cast<std::ptrdiff_t>(0.995 * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end());
    double const measured = sorted[static_cast<std::size_t>(rank)];
    double const top = measured > 0 && std::isfinite(measured) ? measured : 1;
    double const unit = std::pow(10, std::floor(std::log10(top)));

    drawing::Image map;
    map.width = pair_.input.width;
    map.height = pair_.input.height;
    map.channels = 1;
    for (float const value : inspection_.sensitivity) {
      double const share = value / top;
      map.pixels.push_back(static_cast<std::uint8_t>(share > 0 ? std::lround(255 * std::min(share, 1.0)) : 0));
    }
    auto const box = image_place(map, 2);
    draw_image_heading(2, "|dloss/dy|: where a change would move the loss");
    canvas_.picture(box, drawing::view_of(map), heat);
    canvas_.frame(box, colors::grey);
    draw_bar({box.right() + 12, box.top, 14, box.height}, round_numbers(0, top / unit, 5), heat,
             [&](double tick) { return tick * unit / top; });
    draw_label({static_cast<double>(box.left), box.bottom() + 22.0},
               "unit " + significant(unit, 1) + "; the strongest 0.5 % share the last colour", colors::grey);
  }

  // Where a pair of pixel values lies in the plot.
  Point in_plot(double u, double v) const {
    double const range = values_.high - values_.low;
    return {plot_.left + (u - values_.low) / range * plot_.width,
            plot_.bottom() - (v - values_.low) / range * plot_.height};
  }

  // r on the scale of diverging(): 0 is -1, 1 is 0, and the largest possible ratio 1 / beta is 1.
  double ratio_color_scale(double r) const { return r < 1 ? r - 1 : (r - 1) / (largest_ratio() - 1); }

  double largest_ratio() const {
    double const beta = loss_.options().beta;
    return beta > 0.05 ? 1 / beta : std::clamp(ratio_.largest, 2.0, 20.0);
  }

  void draw_joint_plot() {
    draw_heading({margin, plot_.top - margin_plot - 34.0}, 4, "Which values meet, and the fitted density ratio r(u,v)");
    canvas_.shade(plot_, [&](double right, double down) {
      auto const index = [](double share, int size) { return std::min(static_cast<int>(share * size), size - 1); };
      double const r = ratio_.at(index(right, RatioMap::points), index(1 - down, RatioMap::points));
      auto const tint = mix(colors::white, diverging(ratio_color_scale(r)), 0.75);
      return count_color(
        histogram_, histogram_.at(index(right, JointHistogram::cells), index(1 - down, JointHistogram::cells)), tint);
    });
    draw_contours();
    canvas_.frame(plot_, colors::grey);
    draw_marginals();
    draw_axes();
  }

  void draw_contours() {
    std::vector<Point> labels;
    double const scale = static_cast<double>(plot_size) / (RatioMap::points - 1);
    for (double const level : round_numbers(ratio_.smallest, ratio_.largest, 9)) {
      auto lines = contour(ratio_, level);
      for (auto& line : lines) {
        for (auto* point : {&line.from, &line.to}) {
          *point = {plot_.left + point->x * scale, plot_.bottom() - point->y * scale};
        }
      }
      bool const is_one = std::abs(level - 1) < 1e-9;
      auto const color = is_one ? colors::ink : (level < 1 ? less_than_one : more_than_one);
      canvas_.lines(lines, is_one ? 4.6 : 3.6, colors::white);
      canvas_.lines(lines, is_one ? 2.4 : 1.5, color);
      draw_contour_label(lines, level, color, labels);
    }
  }

  // Puts the label where the line is farthest from the labels that are there, and not at the border.
  void draw_contour_label(std::vector<Segment> const& lines, double level, Color color, std::vector<Point>& labels) {
    Point best{};
    double best_distance = 0;
    for (auto const& line : lines) {
      auto const at = line.from;
      double distance = 120;
      for (auto const& label : labels) {
        distance = std::min(distance, std::hypot(at.x - label.x, at.y - label.y));
      }
      double const to_border =
        std::min({at.x - plot_.left, plot_.right() - at.x, at.y - plot_.top, plot_.bottom() - at.y});
      if (to_border > 26 && distance > best_distance) {
        best = at;
        best_distance = distance;
      }
    }
    if (best_distance < 30) {
      return;
    }
    labels.push_back(best);
    auto const text = significant(level, 3);
    int const width = static_cast<int>(canvas_.text_width(text, small_text)) + 8;
    canvas_.fill({static_cast<int>(best.x) - width / 2, static_cast<int>(best.y) - 8, width, 16}, colors::white);
    draw_label({best.x, best.y + small_text / 2}, text, color, Align::center);
  }

  void draw_marginals() {
    auto const bars = [&](std::vector<std::int64_t> const& counts, auto const& box_of) {
      auto const largest = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
      constexpr int cell = plot_size / JointHistogram::cells;
      for (std::size_t k = 0; k < counts.size(); ++k) {
        double const share = static_cast<double>(counts[k]) / largest;
        canvas_.fill(box_of(static_cast<int>(k) * cell, cell, static_cast<int>(std::lround(share * margin_plot))),
                     {150, 157, 168});
      }
    };
    bars(histogram_.input_counts, [&](int at, int cell, int length) {
      return Box{plot_.left + at, plot_.top - 6 - length, cell, length};
    });
    bars(histogram_.translation_counts, [&](int at, int cell, int length) {
      return Box{plot_.right() + 6, plot_.bottom() - at - cell, length, cell};
    });
  }

  void draw_axes() {
    for (double const tick : round_numbers(values_.low, values_.high, 5)) {
      auto const text = significant(tick, 4);
      auto const at = in_plot(tick, tick);
      canvas_.lines({{{at.x, plot_.bottom() + 1.0}, {at.x, plot_.bottom() + 6.0}}}, 1, colors::grey);
      draw_label({at.x, plot_.bottom() + 21.0}, text, colors::ink, Align::center);
      canvas_.lines({{{plot_.left - 6.0, at.y}, {plot_.left - 1.0, at.y}}}, 1, colors::grey);
      draw_label({plot_.left - 11.0, at.y + small_text / 2}, text, colors::ink, Align::right);
    }
    canvas_.text({plot_.left + plot_.width / 2.0, plot_.bottom() + 46.0}, "value u of the input", normal_text,
                 colors::ink, Align::center);
    canvas_.text({margin + 12.0, plot_.top + plot_.height / 2.0}, "value v of the translation", normal_text,
                 colors::ink, Align::center, Direction::up);
  }

  void draw_column() {
    double y = plot_.top - margin_plot - 34;
    draw_heading({column_left, y}, 5, "What the number means");
    draw_gauge(static_cast<int>(y) + 78);
    y += 198;
    draw_heading({column_left, y}, 6, "How to read the plot");
    draw_legend(y + 24);
    y += 286;
    draw_heading({column_left, y}, 7, "Numbers");
    draw_numbers(y + 26);
  }

  void draw_gauge(int top) {
    double const rsmi = inspection_.score.rsmi;
    double const itself = inspection_.rsmi_with_itself;
    double const chance = inspection_.rsmi_shuffled;
    Box const bar{column_left, top, column_width - 20, 14};
    double begin = 0, end = 1e-3;
    for (double const value : {rsmi, itself, chance}) {
      if (std::isfinite(value)) {
        begin = std::min(begin, value);
        end = std::max(end, value);
      }
    }
    // A little below zero is what chance gives; it is drawn as zero.
    begin = begin < -0.1 * end ? 1.08 * begin : 0;
    end += 0.08 * (end - begin);
    auto const place = [&](double value) {
      double const share = (value - begin) / (end - begin);
      return bar.left + (std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0) * bar.width;
    };
    auto const column = [&](double value) { return static_cast<int>(std::lround(place(value))); };
    int const left = std::min(column(0), column(rsmi));
    canvas_.fill(bar, colors::light_grey);
    canvas_.fill({left, bar.top, std::max(column(0), column(rsmi)) - left, bar.height}, {67, 134, 199});
    for (double const tick : round_numbers(begin, end, 6)) {
      canvas_.lines({{{place(tick), bar.bottom() + 1.0}, {place(tick), bar.bottom() + 5.0}}}, 1, colors::grey);
      draw_label({place(tick), bar.bottom() + 19.0}, significant(tick, 3), colors::ink,
                 column(tick) < bar.left + 10 ? Align::left : Align::center);
    }
    auto const mark = [&](double value, std::string const& text, double above, Color color) {
      canvas_.lines({{{place(value), bar.top - above}, {place(value), bar.bottom() + 0.0}}}, 1.6, color);
      bool const is_right = place(value) > bar.left + bar.width / 2.0;
      draw_label({place(value) + (is_right ? -6 : 6), bar.top - above + small_text}, text, color,
                 is_right ? Align::right : Align::left);
    };
    mark(chance, "pixels shuffled: " + fixed(chance, 4), 16, colors::grey);
    mark(itself, "input with itself: " + fixed(itself, 4), 33, colors::grey);
    mark(rsmi, "this pair: " + fixed(rsmi, 4), 50, less_than_one);
    double const beta = loss_.options().beta;
    auto const limit = beta > 0 ? ", at most " + significant((1 - beta) / beta, 3) : std::string{};
    draw_label(
      {column_left, bar.bottom() + 44.0},
      "rSMI estimates the mean of (r - 1)^2 under the density beta S + (1 - beta) Q, explained below:", colors::grey);
    bool const is_negative = rsmi < too_negative;
    draw_label({column_left, bar.bottom() + 63.0},
               is_negative
                 ? "This estimate is negative because lambda is too large for these kernels."
                 : "0 if the translation tells nothing about the input" + limit + ". The loss is its negative.",
               is_negative ? more_than_one : colors::grey);
  }

  void draw_legend(double top) {
    int const bar_top = static_cast<int>(top) + 20;
    draw_bar(
      {column_left, bar_top, 16, 196}, round_numbers(0, largest_ratio(), 5),
      [&](double share) { return mix(colors::white, diverging(ratio_color_scale(share * largest_ratio())), 0.75); },
      [&](double r) { return r / largest_ratio(); });
    draw_label({column_left, top + 4}, "ratio r");

    constexpr int count_left = column_left + 90;
    Box const counts{count_left, bar_top, 16, 196};
    std::vector<double> powers;
    for (std::int64_t power = 1; power <= histogram_.largest; power *= 10) {
      powers.push_back(static_cast<double>(power));
    }
    auto const log_place = [&](double count) {
      return std::log1p(count) / std::log1p(static_cast<double>(histogram_.largest));
    };
    draw_bar(
      counts, powers,
      [&](double share) {
        return share * std::log1p(static_cast<double>(histogram_.largest)) < std::log(1.5)
                 ? colors::white
                 : mix(colors::white, colors::ink, 0.18 + 0.82 * share);
      },
      log_place);
    draw_label({count_left, top + 4}, "pairs per cell");

    auto const beta = significant(loss_.options().beta, 3);
    std::vector<std::string> lines{
      "Dots: how often a pair of values occurs (log scale).",
      "Grey bars: the values of each image alone.",
      "Lines and tint: r = S / (beta S + (1 - beta) Q), beta " + beta + ".",
      "  Q: how often the pair occurs,",
      "  S: how often it would if the images were independent.",
      "",
      "Blue, r < 1: occurs more often than independence predicts.",
      "Black line, r = 1: exactly as often.",
      loss_.options().beta > 0
        ? "Red, towards 1/beta = " + significant(1 / loss_.options().beta, 3) + ": predicted, but hardly occurs."
        : "Red, r > 1: predicted, but hardly occurs.",
      "",
      "All of one pale colour: no shared structure.",
      "Where no values occur, r has no meaning.",
    };
    double y = bar_top + 2;
    for (auto const& line : lines) {
      draw_label({column_left + 215.0, y}, line);
      y += 18.5;
    }
  }

  void draw_numbers(double top) {
    double y = top;
    for (auto const& row : number_table(loss_, pair_, values_, inspection_)) {
      if (row.name == "estimator" || row.name == "input" || row.name == "translation" || row.name == "rSMI" ||
          row.name.find("rSMI of") == 0 || row.name.find("rSMI with") == 0) {
        continue;
      }
      draw_label({column_left, y}, row.name, colors::grey);
      draw_label({column_left + 160.0, y}, shortened(row.value, small_text, column_width - 160));
      y += 19;
    }
  }

  scc::cpu::Loss const& loss_;
  ImagePair const& pair_;
  ValueRange values_;
  Inspection const& inspection_;
  JointHistogram histogram_;
  RatioMap ratio_;
  Box plot_;
  Canvas canvas_;
};

}  // namespace

std::string draw_report(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values,
                        Inspection const& inspection, drawing::Format format) {
  return Report(loss, pair, values, inspection, format).draw();
}

}  // namespace inspect
