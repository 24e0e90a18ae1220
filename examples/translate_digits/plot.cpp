// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>

#include "plot.hpp"

namespace translate_digits {

namespace {

constexpr double left = 60, top = 40, width = 560, height = 260;
constexpr char const* accuracy_color = "#1f5fa8";
constexpr char const* rsmi_color = "#b3511c";

// The smallest of 1, 2 and 5 times a power of ten that is not below the number.
double round_up(double number) {
  double const power = std::pow(10.0, std::floor(std::log10(number)));
  for (double const factor : {1.0, 2.0, 5.0}) {
    if (number <= factor * power * (1 + 1e-9)) {
      return factor * power;
    }
  }
  return 10 * power;
}

std::string escape(std::string const& text) {
  std::string escaped;
  for (char const letter : text) {
    escaped += letter == '&' ? "&amp;" : letter == '<' ? "&lt;" : std::string(1, letter);
  }
  return escaped;
}

class Drawing {
public:
  Drawing() {
    out_ << std::setprecision(6) << R"(<svg xmlns="http://www.w3.org/2000/svg" width="700" height="360" )"
         << R"(viewBox="0 0 700 360" font-family="sans-serif" font-size="12">)" << '\n'
         << R"(<rect width="700" height="360" fill="white"/>)" << '\n';
  }

  void text(double x, double y, char const* anchor, char const* color, std::string const& words) {
    out_ << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\" fill=\"" << color << "\">"
         << escape(words) << "</text>\n";
  }

  void line(double x1, double y1, double x2, double y2) {
    out_ << "<line x1=\"" << x1 << "\" y1=\"" << y1 << "\" x2=\"" << x2 << "\" y2=\"" << y2
         << "\" stroke=\"#d5d8dd\"/>\n";
  }

  // A line through points, with a dot on each, so that a single one is seen.
  void curve(std::vector<std::array<double, 2>> const& points, char const* color) {
    out_ << "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" << color << "\" points=\"";
    for (auto const& point : points) {
      out_ << point[0] << ',' << point[1] << ' ';
    }
    out_ << "\"/>\n";
    for (auto const& point : points) {
      out_ << "<circle r=\"2.5\" cx=\"" << point[0] << "\" cy=\"" << point[1] << "\" fill=\"" << color << "\"/>\n";
    }
  }

  std::string finish() {
    out_ << "</svg>\n";
    return out_.str();
  }

private:
  std::ostringstream out_;
};

std::string label(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", number);
  return text.data();
}

}  // namespace

std::string draw_plot(std::vector<Row> const& rows, std::string const& title, std::int64_t iterations) {
  constexpr double least_rsmi_range = 0.05;
  double largest_rsmi = least_rsmi_range;
  for (auto const& row : rows) {
    if (row.test_rsmi && std::isfinite(*row.test_rsmi)) {
      largest_rsmi = std::max(largest_rsmi, *row.test_rsmi);
    }
  }
  double const rsmi_range = round_up(largest_rsmi);

  Drawing drawing;
  drawing.text(left, 20, "start", "black", title);
  constexpr int ticks = 5;
  for (int tick = 0; tick <= ticks; ++tick) {
    double const share = static_cast<double>(tick) / ticks;
    double const y = top + height * (1 - share);
    double const x = left + width * share;
    drawing.line(left, y, left + width, y);
    drawing.line(x, top, x, top + height);
    drawing.text(left - 8, y + 4, "end", accuracy_color, label(100 * share));
    drawing.text(left + width + 8, y + 4, "start", rsmi_color, label(rsmi_range * share));
    drawing.text(x, top + height + 18, "middle", "black",
                 std::to_string(std::llround(static_cast<double>(iterations) * share)));
  }
  drawing.text(left - 8, top - 10, "start", accuracy_color, "accuracy, %");
  drawing.text(left + width + 8, top - 10, "end", rsmi_color, "rSMI");
  drawing.text(left + width / 2, top + height + 40, "middle", "black", "iterations");

  std::vector<std::array<double, 2>> accuracy, rsmi;
  for (auto const& row : rows) {
    if (!row.test_accuracy) {
      continue;
    }
    double const x = left + width * static_cast<double>(row.iteration) / static_cast<double>(iterations);
    accuracy.push_back({x, top + height * (1 - *row.test_accuracy / 100)});
    if (row.test_rsmi && std::isfinite(*row.test_rsmi)) {
      rsmi.push_back({x, top + height * (1 - std::clamp(*row.test_rsmi / rsmi_range, 0.0, 1.0))});
    }
  }
  drawing.curve(rsmi, rsmi_color);
  drawing.curve(accuracy, accuracy_color);
  return drawing.finish();
}

}  // namespace translate_digits
