// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstddef>
#include <cstdint>

#include "report.hpp"

namespace inspect {

namespace {

std::string base64(std::string const& bytes) {
  constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (at + k < bytes.size() ? static_cast<std::uint8_t>(bytes[at + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += at + k <= bytes.size() ? digits[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return text;
}

std::string escaped(std::string const& text) {
  std::string result;
  for (char const letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

}  // namespace

std::string html_page(ImagePair const& pair, Image const& picture, std::vector<Row> const& numbers) {
  std::string page = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>)" + escaped(pair.input_name + " and " + pair.translation_name) +
                     R"(: structure consistency</title>
<style>
body { margin: 2rem auto; max-width: 1500px; padding: 0 1rem; font-family: sans-serif; color: #1c2028; }
img { width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0 3rem; }
th, td { text-align: left; padding: 0.35rem 1.5rem 0.35rem 0; border-bottom: 1px solid #dee1e6; font-weight: normal; }
th { color: #69707c; }
</style>
</head>
<body>
<img alt="The two images, the gradient map and the joint histogram with the density ratio" src="data:image/png;base64,)";
  page += base64(encode_png(picture)) + "\">\n<table>\n";
  for (auto const& row : numbers) {
    page += "<tr><th scope=\"row\">" + escaped(row.name) + "</th><td>" + escaped(row.value) + "</td></tr>\n";
  }
  return page + "</table>\n</body>\n</html>\n";
}

}  // namespace inspect
