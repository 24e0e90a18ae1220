// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <array>
#include <cstddef>

#include "font.hpp"

namespace inspect {

namespace {

// One entry per character from ' ' to '~': its width, then its strokes. A stroke is a list of points "xy", both written
// as digits 0-9, a-z. Capitals reach from y = 2 to the base line at y = 14 (e), small letters start at y = 6, and
// descenders end at y = 18 (i). A stroke after '~' is a quadratic B-spline with the points as its control polygon,
// closed if it ends where it starts; any other is a polygon.
constexpr std::array<char const*, 95> glyphs{
  "4",                                   // space
  "0 020a 0d0e",                         // !
  "3 0205 3235",                         // "
  "8 321e 725e 0686 0a8a",               // #
  "7 ~75720208787e0e0b 303g",            // $
  "9 920e ~0232360602 ~6a9a9e6e6a",      // %
  "9 ~9e25226265090e7e89",               // &
  "0 0205",                              // '
  "3 ~31040c3f",                         // (
  "3 ~01343c0f",                         // )
  "6 3339 0468 6408",                    // *
  "8 454d 0989",                         // +
  "1 1e0g",                              // ,
  "5 0959",                              // -
  "0 0d0e",                              // .
  "6 600g",                              // /
  "7 ~02727e0e02",                       // 0
  "7 25525e",                            // 1
  "7 ~050272780e 0e7e",                  // 2
  "7 ~0402727828 ~28787e0e0c",           // 3
  "7 5e520a7a",                          // 4
  "7 621208 ~0816767e0e0c",              // 5
  "7 ~62030b ~07777e0e07",               // 6
  "7 02723e",                            // 7
  "7 ~1262681812 ~08787e0e08",           // 8
  "7 ~0272790902 ~1e7d75",               // 9
  "0 0708 0d0e",                         // :
  "1 1718 1e0g",                         // ;
  "7 74097e",                            // <
  "7 0777 0b7b",                         // =
  "7 04790e",                            // >
  "6 ~05026267373a 3d3e",                // ?
  "c ~45858b4b45 858b ~02c2cf0f02",      // @
  "8 0e428e 1b7b",                       // A
  "8 020e ~023272783808 ~0838888e3e0e",  // B
  "8 ~8582020e8e8b",                     // C
  "8 020e ~0222828e2e0e",                // D
  "7 72020e7e 0868",                     // E
  "7 72020e 0868",                       // F
  "8 ~8582020e8e8b 8b8858",              // G
  "8 020e 828e 0888",                    // H
  "0 020e",                              // I
  "5 ~525b5e0e0b",                       // J
  "7 020e 720a 377e",                    // K
  "6 020e6e",                            // L
  "a 0e025ba2ae",                        // M
  "8 0e028e82",                          // N
  "9 ~02929e0e02",                       // O
  "7 020e ~023272793909",                // P
  "9 ~02929e0e02 6b9f",                  // Q
  "7 020e ~023272783808 387e",           // R
  "7 ~75720208787e0e0b",                 // S
  "8 0282 424e",                         // T
  "8 ~020a0e8e8a82",                     // U
  "8 024e82",                            // V
  "c 023e639ec2",                        // W
  "8 028e 820e",                         // X
  "8 024882 484e",                       // Y
  "8 02820e8e",                          // Z
  "3 31010f3f",                          // [
  "6 006g",                              // backslash
  "3 01313f0f",                          // ]
  "6 063266",                            // ^
  "7 0g7g",                              // _
  "2 0224",                              // `
  "6 666e ~06666e0e06",                  // a
  "6 020e ~06666e0e06",                  // b
  "6 ~6866060e6e6c",                     // c
  "6 626e ~06666e0e06",                  // d
  "6 0a6a ~6a66060e6e6c",                // e
  "4 ~5222262e 0646",                    // f
  "6 ~06666e0e06 ~666e6i0i0g",           // g
  "6 020e ~0a06666a6e",                  // h
  "0 060e 0203",                         // i
  "3 ~363e3i0i 3233",                    // j
  "6 020e 660b 296e",                    // k
  "2 ~020b0e2e",                         // l
  "a 060e ~0a06565a5e ~5a56a6aaae",      // m
  "6 060e ~0a06666a6e",                  // n
  "7 ~06767e0e06",                       // o
  "6 060i ~06666e0e06",                  // p
  "6 666i ~06666e0e06",                  // q
  "4 060e ~0a0646",                      // r
  "5 ~5856060a5a5e0e0c",                 // s
  "4 ~232b2e4e 0646",                    // t
  "6 ~060a0e6e6a66 666e",                // u
  "6 063e66",                            // v
  "c 063e669ec6",                        // w
  "6 066e 660e",                         // x
  "6 063e 661i",                         // y
  "6 06660e6e",                          // z
  "4 ~4121270808292f4f",                 // {
  "0 000g",                              // |
  "4 ~0121274848292f0f",                 // }
  "8 ~091637597a87",                     // ~
};

constexpr double letter_gap = 3.2;
constexpr double capital_height = 12;
constexpr double base_line = 14;
constexpr int steps_per_curve = 6;

char const* glyph(char letter) {
  bool const is_printable = letter >= ' ' && letter <= '~';
  return glyphs[static_cast<std::size_t>((is_printable ? letter : '?') - ' ')];
}

double number(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

Point middle(Point a, Point b) { return {(a.x + b.x) / 2, (a.y + b.y) / 2}; }

// The quadratic B-spline as a polygon.
std::vector<Point> smoothed(std::vector<Point> const& control) {
  auto const last = control.size() - 1;
  bool const is_closed = control[0].x == control[last].x && control[0].y == control[last].y;
  std::vector<Point> curve{is_closed ? middle(control[0], control[1]) : control[0]};
  for (std::size_t k = 1; k < (is_closed ? last + 1 : last); ++k) {
    auto const from = curve.back();
    auto const by = control[k];
    auto const beyond = k < last ? control[k + 1] : control[1];
    auto const to = !is_closed && k + 1 == last ? beyond : middle(by, beyond);
    for (int step = 1; step <= steps_per_curve; ++step) {
      double const t = static_cast<double>(step) / steps_per_curve;
      double const a = (1 - t) * (1 - t), b = 2 * t * (1 - t), c = t * t;
      curve.push_back({a * from.x + b * by.x + c * to.x, a * from.y + b * by.y + c * to.y});
    }
  }
  return curve;
}

}  // namespace

double text_width(std::string_view text) {
  double width = 0;
  for (char const letter : text) {
    width += number(*glyph(letter)) + letter_gap;
  }
  return text.empty() ? 0 : (width - letter_gap) / capital_height;
}

std::vector<Segment> text_strokes(std::string_view text) {
  std::vector<Segment> strokes;
  double left = 0;
  for (char const letter : text) {
    char const* at = glyph(letter);
    double const width = number(*at++);
    while (*at == ' ') {
      ++at;
      bool const is_curve = *at == '~';
      at += is_curve ? 1 : 0;
      std::vector<Point> points;
      for (; *at != '\0' && *at != ' '; at += 2) {
        points.push_back({(left + number(at[0])) / capital_height, (number(at[1]) - base_line) / capital_height});
      }
      auto const path = is_curve ? smoothed(points) : points;
      for (std::size_t k = 1; k < path.size(); ++k) {
        strokes.push_back({path[k - 1], path[k]});
      }
    }
    left += width + letter_gap;
  }
  return strokes;
}

}  // namespace inspect
