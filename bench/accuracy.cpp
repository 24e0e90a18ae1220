// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Prints the error tables of docs/results/accuracy.md, in Markdown. Ends with 1 if, with double pixels, a size that the
/// library chose by itself misses the tolerance it was asked for, times |rSMI| where that is above 1, as it can be with
/// beta = 0. Options::tolerance speaks of the basis; with float pixels the rounding of their sums comes on top.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <scc/scc.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "exact.hpp"
#include "scene.hpp"

namespace {

using scc::Basis;
using scc::Kernel;
using scc::Options;
using scc_bench::Exact;

constexpr int channels = 3, height = 64, width = 64;

/// One picture, as float pixels and as doubles of the same values, so that only the arithmetic differs.
class Picture {
public:
  Picture() : Picture(scc_bench::make_scene(channels, height, width)) {}

  explicit Picture(scc_bench::Scene scene) : scene_(std::move(scene)) {
    x_.assign(scene_.x.begin(), scene_.x.end());
    y_.assign(scene_.y.begin(), scene_.y.end());
  }

  /// The picture with its values moved from [-1, 1] to the domain of `options`.
  Picture(Picture const& picture, Options const& options) : Picture(picture) {
    double const scale = 0.5 * (options.domain_max - options.domain_min);
    for (auto* const values : {&scene_.x, &scene_.y}) {
      for (float& value : *values) {
        value = static_cast<float>(options.domain_min + scale * (static_cast<double>(value) + 1));
      }
    }
    x_.assign(scene_.x.begin(), scene_.x.end());
    y_.assign(scene_.y.begin(), scene_.y.end());
  }

  template <class T>
  std::vector<T> const& x() const {
    if constexpr (std::is_same_v<T, float>) {
      return scene_.x;
    } else {
      return x_;
    }
  }
  template <class T>
  std::vector<T> const& y() const {
    if constexpr (std::is_same_v<T, float>) {
      return scene_.y;
    } else {
      return y_;
    }
  }

private:
  scc_bench::Scene scene_;
  std::vector<double> x_, y_;
};

struct Errors {
  double rsmi, gradient;
};

template <class T>
Errors measure(scc::cpu::Loss const& loss, Picture const& picture, Exact const& exact) {
  auto const view = [](auto* data) {
    return scc::ImageBatch<std::remove_pointer_t<decltype(data)>>::contiguous(data, 1, channels, height, width);
  };
  std::vector<T> drsmi_dy(exact.drsmi_dy.size());
  scc::cpu::Workspace workspace;
  loss.forward_backward(view(picture.x<T>().data()), view(picture.y<T>().data()), workspace, -1, view(drsmi_dy.data()));
  return {std::abs(workspace.rsmi()[0] - exact.rsmi), scc_bench::relative_error(drsmi_dy, exact.drsmi_dy)};
}

std::string text(char const* format, double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}
std::string error_text(double value) { return text("%.0e", value); }

char const* name(Kernel kernel) { return kernel == Kernel::gaussian ? "gaussian" : "reciprocal"; }

Options wide(Kernel kernel, double sigma) {
  Options options;
  options.kernel = kernel;
  options.bandwidth = sigma;
  return options;
}

Options narrow(double sigma_over_width, int centers, double lambda) {
  Options options;
  options.bandwidth = sigma_over_width * (options.domain_max - options.domain_min);
  options.centers_per_axis = centers;
  options.lambda = lambda;
  return options;
}

std::string row_name(Options const& options) {
  return std::string(name(options.kernel)) + ", " + text("%g", options.bandwidth) + " on [" +
         text("%g", options.domain_min) + ", " + text("%g", options.domain_max) + "], " +
         std::to_string(options.centers_per_axis) + ", " + text("%g", options.beta) + ", " + text("%g", options.lambda);
}

/// The dense gradient is itself checked: against central differences of reference_statistics().
void print_check_of_exact(Picture const& picture) {
  std::printf(
    "## Check of the reference: dense gradient against central differences of `reference_statistics`\n\n"
    "| kernel, sigma | largest difference at 3 pixels, over the largest derivative |\n|---|---|\n");
  for (Options const& options : {wide(Kernel::gaussian, 1), wide(Kernel::reciprocal_gaussian, 1)}) {
    auto const& x = picture.x<double>();
    auto y = picture.y<double>();
    Exact const exact = scc_bench::exact(options, x, y);
    double largest = 0, worst = 0;
    for (double const derivative : exact.drsmi_dy) {
      largest = std::max(largest, std::abs(derivative));
    }
    for (std::size_t const j : {std::size_t{7}, std::size_t{4000}, std::size_t{12000}}) {
      double const step = 1e-2, center = y[j];
      // Fourth order, with a step wide enough that the rounding of rSMI does not show.
      auto const at = [&](double offset) {
        y[j] = center + offset;
        double const rsmi = scc::reference_statistics(options, x, y).rsmi;
        y[j] = center;
        return rsmi;
      };
      double const difference = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
      worst = std::max(worst, std::abs(difference - exact.drsmi_dy[j]));
    }
    std::printf("| %s, %g | %s |\n", name(options.kernel), options.bandwidth, error_text(worst / largest).c_str());
  }
}

void print_chebyshev(Picture const& picture) {
  std::printf(
    "\n## Chebyshev basis, degree given\n\n"
    "| kernel, sigma | D | terms | estimated error of k k' | float: rSMI | float: gradient | double: rSMI | "
    "double: gradient |\n|---|---|---|---|---|---|---|---|\n");
  struct Row {
    Kernel kernel;
    double sigma;
    int degree;
  };
  for (Row const& row :
       {Row{Kernel::gaussian, 1, 12}, Row{Kernel::gaussian, 1, 14}, Row{Kernel::gaussian, 1, 16},
        Row{Kernel::gaussian, 1, 20}, Row{Kernel::reciprocal_gaussian, 1, 18}, Row{Kernel::reciprocal_gaussian, 1, 20},
        Row{Kernel::reciprocal_gaussian, 1, 26}, Row{Kernel::gaussian, 0.5, 20}, Row{Kernel::gaussian, 0.5, 24},
        Row{Kernel::gaussian, 0.5, 32}, Row{Kernel::gaussian, 0.25, 32}, Row{Kernel::gaussian, 0.25, 40}}) {
    Options options = wide(row.kernel, row.sigma);
    options.basis = Basis::chebyshev;
    Exact const exact = scc_bench::exact(options, picture.x<double>(), picture.y<double>());
    // The smallest tolerance, of 1e-6 and more, for which float pixels are summed in float.
    options.tolerance = std::max(1e-6, 1.01e-7 * scc::Plan(options, row.degree + 1).largest_product());
    scc::Plan const float_plan(options, row.degree + 1);
    options.tolerance = 1e-9;
    scc::Plan const double_plan(options, row.degree + 1);
    Errors const in_float = measure<float>(scc::cpu::Loss(float_plan), picture, exact);
    Errors const in_double = measure<double>(scc::cpu::Loss(double_plan), picture, exact);
    std::printf("| %s, %g | %d | %d | %s | %s | %s | %s | %s |\n", name(row.kernel), row.sigma, row.degree,
                float_plan.terms(), error_text(float_plan.basis_error()).c_str(), error_text(in_float.rsmi).c_str(),
                error_text(in_float.gradient).c_str(), error_text(in_double.rsmi).c_str(),
                error_text(in_double.gradient).c_str());
  }
}

void print_histogram(Picture const& picture) {
  std::printf(
    "\n## Histogram basis, bins given\n\n"
    "| sigma / domain width | centres, lambda | B | estimated error of k^2 | rSMI | gradient |\n"
    "|---|---|---|---|---|---|\n");
  struct Row {
    Options options;
    double sigma_over_width;
    int bins;
  };
  for (Row const& row : {Row{narrow(0.05, 11, 1e-3), 0.05, 67}, Row{narrow(0.05, 11, 1e-3), 0.05, 131},
                         Row{narrow(0.05, 11, 1e-3), 0.05, 259}, Row{narrow(0.125, 9, 0.05), 0.125, 35},
                         Row{narrow(0.125, 9, 0.05), 0.125, 67}, Row{narrow(0.125, 9, 0.05), 0.125, 131},
                         Row{narrow(0.5, 9, 0.05), 0.5, 19}, Row{narrow(0.5, 9, 0.05), 0.5, 35}}) {
    Options options = row.options;
    options.basis = Basis::histogram;
    options.tolerance = 1e-10;  // so that the compression does not show
    Exact const exact = scc_bench::exact(options, picture.x<double>(), picture.y<double>());
    scc::Plan const plan(options, row.bins);
    Errors const errors = measure<double>(scc::cpu::Loss(plan), picture, exact);
    std::printf("| %g | %dx%d, %g | %d | %s | %s | %s |\n", row.sigma_over_width, options.centers_per_axis,
                options.centers_per_axis, options.lambda, row.bins, error_text(plan.basis_error()).c_str(),
                error_text(errors.rsmi).c_str(), error_text(errors.gradient).c_str());
  }
}

void print_compression(Picture const& picture) {
  std::printf(
    "\n## Compression: unknowns kept, change of rSMI, relative change of the gradient\n\n"
    "| kernel, sigma | kernels | tolerance 1e-3 | 1e-6 | 1e-9 | 1e-12 |\n|---|---|---|---|---|---|\n");
  struct Row {
    Kernel kernel;
    double sigma;
  };
  for (Row const& row : {Row{Kernel::gaussian, 2}, Row{Kernel::gaussian, 1}, Row{Kernel::gaussian, 0.5},
                         Row{Kernel::gaussian, 0.25}, Row{Kernel::reciprocal_gaussian, 1}}) {
    Options options = wide(row.kernel, row.sigma);
    options.basis = Basis::chebyshev;
    Exact const exact = scc_bench::exact(options, picture.x<double>(), picture.y<double>());
    std::printf("| %s, %g | %d |", name(row.kernel), row.sigma, options.centers_per_axis * options.centers_per_axis);
    for (double const tolerance : {1e-3, 1e-6, 1e-9, 1e-12}) {
      options.tolerance = tolerance;
      scc::Plan const plan(options, scc::chebyshev::max_degree + 1);  // so that the basis does not show
      Errors const errors = measure<double>(scc::cpu::Loss(plan), picture, exact);
      std::printf(" %d, %s, %s |", plan.unknowns(), error_text(errors.rsmi).c_str(),
                  error_text(errors.gradient).c_str());
    }
    std::printf("\n");
  }
}

/// Pictures on which H is nearly singular or the gradient nearly cancels, at default options: where float sums show.
void print_difficult_pictures(Picture const& picture) {
  std::printf(
    "\n## Difficult pictures, options at their defaults, float pixels\n\n"
    "Reciprocal: `Options::released_code()`; its sums are in double. In the last two columns they are forced "
    "to float.\n\n"
    "| kernel | picture | rSMI | error of rSMI | of the gradient | forced: rSMI | forced: gradient |\n"
    "|---|---|---|---|---|---|---|\n");
  struct Row {
    char const* name;
    float (*x)(float);
    float (*y)(float, float);
  };
  auto const same = [](float x) { return x; };
  auto const sign = [](float x) { return x > 0 ? 1.0F : -1.0F; };
  auto const corner = [](float x) { return 0.99F + 0.01F * x; };
  Row const rows[] = {
    {"the scene", same, [](float, float y) { return y; }},
    {"y = x", same, [](float x, float) { return x; }},
    {"y = 0.3", same, [](float, float) { return 0.3F; }},
    {"both at -1 or 1", sign, [](float, float y) { return y > 0 ? 1.0F : -1.0F; }},
    {"both in [0.98, 1]", corner, [](float, float y) { return 0.99F + 0.01F * y; }},
  };
  for (Options const& options : {Options{}, Options::released_code()}) {
    for (Row const& row : rows) {
      scc_bench::Scene scene{picture.x<float>(), picture.y<float>()};
      std::transform(scene.x.begin(), scene.x.end(), scene.y.begin(), scene.y.begin(), row.y);
      std::transform(scene.x.begin(), scene.x.end(), scene.x.begin(), row.x);
      Picture const difficult(std::move(scene));
      Exact const exact = scc_bench::exact(options, difficult.x<double>(), difficult.y<double>());
      scc::cpu::Loss const loss(options);
      Errors const chosen = measure<float>(loss, difficult, exact);
      std::printf("| %s | %s | %s | %s | %s |", name(options.kernel), row.name, text("%.4f", exact.rsmi).c_str(),
                  error_text(chosen.rsmi).c_str(), error_text(chosen.gradient).c_str());
      Options in_float = options;
      in_float.basis = Basis::chebyshev;
      in_float.tolerance = std::max(1e-6, 1.01e-7 * loss.plan().largest_product());
      scc::Plan const plan(in_float, loss.plan().basis_size());
      Errors const forced = measure<float>(scc::cpu::Loss(plan), difficult, exact);
      std::printf(" %s | %s |\n", error_text(forced.rsmi).c_str(), error_text(forced.gradient).c_str());
    }
  }
}

std::vector<Options> automatic_rows() {
  std::vector<Options> rows;
  for (double const sigma : {0.05, 0.1, 0.25, 0.5, 1.0, 2.0}) {
    rows.push_back(wide(Kernel::gaussian, sigma));
  }
  for (double const sigma : {1.0, 2.0}) {
    rows.push_back(wide(Kernel::reciprocal_gaussian, sigma));
  }
  for (double const lambda : {1e-4, 1e-2, 1.0}) {
    rows.push_back(wide(Kernel::gaussian, 1));
    rows.back().lambda = lambda;
  }
  rows.push_back(narrow(0.05, 11, 1e-3));
  rows.push_back(narrow(0.1, 15, 1e-2));
  for (double const beta : {0.0, 0.9}) {
    rows.push_back(wide(Kernel::gaussian, 0.5));
    rows.back().beta = beta;
  }
  rows.push_back(wide(Kernel::gaussian, 1));
  rows.back().beta = 0;
  rows.back().lambda = 1e-3;
  rows.push_back(wide(Kernel::gaussian, 40));
  rows.back().domain_min = rows.back().center_min = 0;
  rows.back().domain_max = rows.back().center_max = 255;
  return rows;
}

/// Prints errors with the chosen sizes; returns how many of them are above the tolerance.
template <class T>
int print_automatic(Picture const& symmetric, char const* pixels, std::vector<double> const& tolerances) {
  std::printf(
    "\n## Size chosen by tolerance, %s pixels: basis and size, error of rSMI, of the gradient\n\n"
    "| kernel, sigma on domain, n, beta, lambda | rSMI |",
    pixels);
  for (double const tolerance : tolerances) {
    std::printf(" %s |", error_text(tolerance).c_str());
  }
  std::printf("\n|---|---|");
  for (std::size_t k = 0; k < tolerances.size(); ++k) {
    std::printf("---|");
  }
  int missed = 0;
  for (Options options : automatic_rows()) {
    Picture const picture(symmetric, options);
    Exact const exact = scc_bench::exact(options, picture.x<double>(), picture.y<double>());
    std::printf("\n| %s | %s |", row_name(options).c_str(), text("%.3f", exact.rsmi).c_str());
    for (double const tolerance : tolerances) {
      options.tolerance = tolerance;
      scc::cpu::Loss const loss(options);
      bool const is_chebyshev = loss.plan().basis() == Basis::chebyshev;
      Errors const errors = measure<T>(loss, picture, exact);
      bool const is_missed = !(errors.rsmi <= tolerance * std::max(1.0, std::abs(exact.rsmi)));
      missed += is_missed ? 1 : 0;
      char const* const mark = is_missed ? "**" : "";
      std::printf(" %s%d: %s%s%s, %s |", is_chebyshev ? "D" : "B",
                  is_chebyshev ? loss.plan().degree() : loss.plan().basis_size(), mark, error_text(errors.rsmi).c_str(),
                  mark, error_text(errors.gradient).c_str());
    }
  }
  std::printf("\n");
  return missed;
}

// The error of the splines averages out over the colours of a natural image; here it cannot.
void print_two_colours(Picture const& picture) {
  std::printf(
    "\n## Pictures of two colours, narrow kernels\n\n"
    "| sigma, lambda | bins | estimated error of k^2 | reaches 1e-6 | rSMI | error of rSMI |\n"
    "|---|---|---|---|---|---|\n");
  auto const two_colours = [](float x) { return x > 0 ? 0.51F : -0.24F; };
  scc_bench::Scene scene{picture.x<float>(), picture.y<float>()};
  std::transform(scene.x.begin(), scene.x.end(), scene.x.begin(), two_colours);
  std::transform(scene.y.begin(), scene.y.end(), scene.y.begin(), two_colours);
  Picture const coloured(std::move(scene));
  for (double const lambda : {0.05, 1e-3}) {
    for (double const bandwidth : {0.2, 0.1, 0.05, 0.03, 0.02}) {
      Options options;
      options.bandwidth = bandwidth;
      options.lambda = lambda;
      scc::cpu::Loss const loss(options);
      Exact const exact = scc_bench::exact(options, coloured.x<double>(), coloured.y<double>());
      Errors const errors = measure<double>(loss, coloured, exact);
      std::printf("| %s, %s | %d | %s | %s | %.3f | %s |\n", text("%g", bandwidth).c_str(), text("%g", lambda).c_str(),
                  loss.plan().basis_size(), error_text(loss.plan().basis_error()).c_str(),
                  loss.plan().reaches_tolerance() ? "yes" : "no", exact.rsmi, error_text(errors.rsmi).c_str());
    }
  }
}

}  // namespace

int main() try {
  Picture const picture;
  std::printf("Errors on a synthetic picture of %d x %d x %d. rSMI: absolute. Gradient: relative, Euclidean norm.\n\n",
              height, width, channels);
  print_check_of_exact(picture);
  print_chebyshev(picture);
  print_histogram(picture);
  print_compression(picture);
  print_difficult_pictures(picture);
  print_two_colours(picture);
  int const missed_in_float = print_automatic<float>(picture, "float", {1e-3, 1e-4, 1e-5, 1e-6, 1e-7});
  int const missed = print_automatic<double>(picture, "double", {1e-6, 1e-7, 1e-8, 1e-9, 1e-10});
  std::printf("\nAbove the tolerance (bold): %d with float pixels, %d with double pixels.\n", missed_in_float, missed);
  return missed == 0 ? 0 : 1;
} catch (std::exception const& error) {
  std::fprintf(stderr, "accuracy: %s\n", error.what());
  return 1;
}
