// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <scc/estimator/chebyshev.hpp>
#include <scc/plan/plan.hpp>
#include <string>
#include <vector>

#include "../../examples/inspect/joint_histogram.hpp"
#include "../../examples/inspect/numbers.hpp"
#include "pages.hpp"

namespace pictures {

namespace {

using namespace drawing;
using drawing::colors::grey;
using drawing::colors::ink;
using drawing::colors::light_grey;
using drawing::colors::white;

constexpr int margin = 22, gap = 68, top = 56;
constexpr double title_text = 15, normal_text = 11;
constexpr Color arrow_color{67, 134, 199};

// M_ab = mean_j T_a(x_j) T_b(y_j) for a + b <= degree: [b, a].
std::vector<double> moments(inspect::ImagePair const& pair, int degree) {
  auto const size = static_cast<std::size_t>(degree) + 1;
  auto const polynomials = [&](std::uint8_t byte) {
    double const t = byte / 127.5 - 1;
    double previous = t, current = 1;  // T_{-1} = T_1
    std::vector<double> result;
    for (std::size_t a = 0; a < size; ++a) {
      result.push_back(current);
      scc::chebyshev::advance(2 * t, previous, current);
    }
    return result;
  };
  std::vector<std::vector<double>> of_byte;
  for (int byte = 0; byte < 256; ++byte) {
    of_byte.push_back(polynomials(static_cast<std::uint8_t>(byte)));
  }
  std::vector<double> result(size * size, 0.0);
  auto const& x = pair.input.pixels;
  auto const& y = pair.translation.pixels;
  for (std::size_t j = 0; j < x.size(); ++j) {
    for (std::size_t b = 0; b < size; ++b) {
      for (std::size_t a = 0; a + b < size; ++a) {
        result[b * size + a] += of_byte[x[j]][a] * of_byte[y[j]][b] / static_cast<double>(x.size());
      }
    }
  }
  return result;
}

class Steps {
public:
  static constexpr int panel = 238;
  static constexpr int width = 2 * margin + 4 * panel + 3 * gap, height = top + panel + 124;

  Steps(inspect::ImagePair const& pair, Format format)
      : pair_(pair),
        inspection_(inspect::inspect_pair(scc::Options{}, pair, {-1, 1}, 1)),
        canvas_(width, height, format) {}

  std::string draw() {
    draw_pixels();
    draw_moments();
    draw_solve();
    draw_gradient();
    draw_arrows();
    return canvas_.finish();
  }

private:
  // The place of a step, under its title and above its two lines of text.
  Box begin_step(int index, std::string const& title, std::string const& first, std::string const& second) {
    Box const box{margin + index * (panel + gap), top, panel, panel};
    double const left = box.left;
    canvas_.text({left, top - 18.0}, std::to_string(index + 1) + "  " + title, title_text, ink, Align::left,
                 Direction::right, Weight::bold);
    canvas_.text({left, box.bottom() + 30.0}, first, normal_text, ink);
    canvas_.text({left, box.bottom() + 54.0}, second, normal_text, grey);
    return box;
  }

  void draw_pixels() {
    auto const box = begin_step(0, "pixels", "pairs (x_j, y_j) of x and y = G(x)",
                                std::to_string(inspection_.values_per_image) + " pairs, read once");
    int const size = 152;
    Box const x{box.right() - size, box.top, size, size}, y{box.left, box.bottom() - size, size, size};
    canvas_.picture(x, view_of(pair_.input));
    canvas_.frame(x, grey);
    canvas_.fill({y.left, y.top - 5, size + 5, size + 5}, white);
    canvas_.picture(y, view_of(pair_.translation));
    canvas_.frame(y, grey);
    canvas_.text({x.left - 14.0, x.top + 14.0}, "x", title_text, ink, Align::right);
    canvas_.text({y.right() + 14.0, box.bottom() - 2.0}, "y", title_text, ink);
  }

  void draw_moments() {
    auto const box = begin_step(1, "moments", "M_ab = mean_j T_a(x_j) T_b(y_j)",
                                std::to_string(plan_.terms()) + " numbers, whatever the size");
    int const size = plan_.basis_size(), cell = panel / size;
    auto const values = moments(pair_, plan_.degree());
    for (int b = 0; b < size; ++b) {
      for (int a = 0; a < size; ++a) {
        Box const place{box.left + a * cell, box.bottom() - (b + 1) * cell, cell - 1, cell - 1};
        double const value = values[static_cast<std::size_t>(b * size + a)];
        canvas_.fill(place,
                     a + b <= plan_.degree() ? mix(white, diverging(-std::cbrt(value)), 0.85) : Color{246, 247, 249});
      }
    }
    canvas_.frame(box, grey);
    auto const last = std::to_string(plan_.degree());
    canvas_.text({box.right() - 8.0, box.top + 20.0}, "a, b = 0 to " + last, normal_text, grey, Align::right);
    canvas_.text({box.right() - 8.0, box.top + 42.0}, "a + b <= " + last, normal_text, grey, Align::right);
  }

  void draw_solve() {
    auto const box = begin_step(2, "solve", "alpha = (H + lambda I)^-1 h",
                                "fitted ratio r(u, v), rSMI " + inspect::fixed(inspection_.score.rsmi, 3));
    auto const ratio = inspect::ratio_map(scc::Options{}, inspection_.statistics, {-1, 1});
    canvas_.shade(box, [&](double right, double down) {
      auto const index = [](double share) {
        return static_cast<int>(std::lround(share * (inspect::RatioMap::points - 1)));
      };
      return mix(white, diverging(ratio.at(index(right), index(1 - down)) - 1), 0.75);
    });
    double const scale = static_cast<double>(panel) / (inspect::RatioMap::points - 1);
    for (double const level : {0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6}) {
      auto lines = inspect::contour(ratio, level);
      for (auto& line : lines) {
        for (auto* point : {&line.from, &line.to}) {
          *point = {box.left + point->x * scale, box.bottom() - point->y * scale};
        }
      }
      canvas_.lines(lines, level == 1 ? 2.4 : 1.1, level == 1 ? ink : grey);
    }
    canvas_.frame(box, grey);
  }

  void draw_gradient() {
    auto const box = begin_step(3, "gradient", "dL/dy_j, exact derivative of L", "L = -rSMI; bright: large |dL/dy|");
    auto sorted = inspection_.sensitivity;
    std::sort(sorted.begin(), sorted.end());
    double const brightest = sorted[sorted.size() - 1 - sorted.size() / 200];  // the others have the same colour
    Image map{pair_.input.width, pair_.input.height, 1, {}, false};
    for (float const value : inspection_.sensitivity) {
      map.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * std::min(value / brightest, 1.0))));
    }
    canvas_.picture(box, view_of(map), heat);
    canvas_.frame(box, grey);
  }

  // A line with a head at its end; `along` is its direction there.
  void draw_arrow(std::vector<Point> const& points, Point along) {
    std::vector<Segment> segments;
    for (std::size_t k = 0; k + 1 < points.size(); ++k) {
      segments.push_back({points[k], points[k + 1]});
    }
    auto const end = points.back();
    for (double const side : {-0.6, 0.6}) {
      segments.push_back({{end.x - 11 * (along.x - side * along.y), end.y - 11 * (along.y + side * along.x)}, end});
    }
    canvas_.lines(segments, 3, arrow_color);
  }

  void draw_arrows() {
    double const middle = top + panel / 2.0;
    char const* const texts[] = {"", "M_ab", "G_ab"};
    for (int k = 0; k < 3; ++k) {
      double const left = margin + (k + 1) * (panel + gap) - gap;
      draw_arrow({{left + 10, middle}, {left + gap - 10.0, middle}}, {1, 0});
      canvas_.text({left + gap / 2.0, middle - 14}, texts[k], normal_text, ink, Align::center);
    }
    double const from = margin + panel / 2.0, to = from + 3 * (panel + gap), below = top + panel + 68,
                 base = height - 18;
    draw_arrow({{from, below}, {from, base}, {to, base}, {to, below}}, {0, -1});
    canvas_.text({(from + to) / 2, base - 12}, "x and y are read a second time", normal_text, ink, Align::center);
  }

  inspect::ImagePair const& pair_;
  scc::Plan plan_{scc::Options{}};
  inspect::Inspection inspection_;
  Canvas canvas_;
};

}  // namespace

std::string draw_steps(inspect::ImagePair const& pair, Format format) { return Steps(pair, format).draw(); }

}  // namespace pictures
