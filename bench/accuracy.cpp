// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Prints the error tables of docs/results/accuracy.md, in Markdown. Ends with 1 if, with double pixels, a size that the
/// library chose by itself misses the tolerance it was asked for, times |rSMI| where that is above 1, as it can be with
/// beta = 0. Options::tolerance speaks of the basis; with float pixels the rounding of their sums comes on top.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <scc/scc.hpp>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "exact.hpp"
#include "scene.hpp"

namespace {

using scc::Basis;
using scc::Kernel;
using scc::Options;
using scc_bench::Exact;
using scc_bench::Scene;
using Cells = std::vector<std::string>;

constexpr int channels = 3, height = 64, width = 64;

void print_row(Cells const& cells) {
  for (auto const& cell : cells) {
    std::cout << "| " << cell << ' ';
  }
  std::cout << "|\n";
}

void print_heading(std::string const& title, Cells const& columns) {
  std::cout << "\n## " << title << "\n\n";
  print_row(columns);
  for (std::size_t k = 0; k < columns.size(); ++k) {
    std::cout << "|---";
  }
  std::cout << "|\n";
}

/// The number as in printf's %g.
std::string text(double value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

std::string fixed(double value, int digits) {
  std::ostringstream stream;
  stream << std::fixed << std::setprecision(digits) << value;
  return stream.str();
}

/// One digit, which is all that an error has.
std::string error_text(double value) {
  std::ostringstream stream;
  stream << std::scientific << std::setprecision(0) << value;
  return stream.str();
}

std::string name(Kernel kernel) { return kernel == Kernel::gaussian ? "gaussian" : "reciprocal"; }
std::string kernel_and_sigma(Options const& options) { return name(options.kernel) + ", " + text(options.bandwidth); }

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

/// The picture with its pixels changed by `change`, a function of a pixel.
template <class Change>
Scene changed(Scene picture, Change const& change) {
  for (auto* const values : {&picture.x, &picture.y}) {
    std::transform(values->begin(), values->end(), values->begin(), change);
  }
  return picture;
}

/// The same values as pixels of another type, so that only the arithmetic differs.
template <class T>
std::vector<T> pixels(std::vector<float> const& values) {
  return {values.begin(), values.end()};
}

Exact exact(Options const& options, Scene const& picture) {
  return scc_bench::exact(options, pixels<double>(picture.x), pixels<double>(picture.y));
}

struct Errors {
  double rsmi, gradient;
};

template <class T>
Errors measure(scc::cpu::Loss const& loss, Scene const& picture, Exact const& exact) {
  auto const view = [](auto& values) {
    using Pixel = std::remove_pointer_t<decltype(values.data())>;
    return scc::ImageBatch<Pixel>::contiguous(values.data(), 1, channels, height, width);
  };
  auto const x = pixels<T>(picture.x), y = pixels<T>(picture.y);
  std::vector<T> drsmi_dy(y.size());
  scc::cpu::Workspace workspace;
  loss.forward_backward(view(x), view(y), workspace, -1, view(drsmi_dy));
  return {std::abs(workspace.rsmi()[0] - exact.rsmi), scc_bench::relative_error(drsmi_dy, exact.drsmi_dy)};
}

/// The smallest tolerance, of 1e-6 and more, for which float pixels are summed in float.
double float_tolerance(double largest_product) { return std::max(1e-6, 1.01e-7 * largest_product); }

/// The dense gradient is itself checked: against central differences of reference_statistics().
void print_check_of_exact(Scene const& picture) {
  print_heading("Check of the reference: dense gradient against central differences of `reference_statistics`",
                {"kernel, sigma", "largest difference at 3 pixels, over the largest derivative"});
  for (Options const& options : {wide(Kernel::gaussian, 1), wide(Kernel::reciprocal_gaussian, 1)}) {
    auto const x = pixels<double>(picture.x);
    auto y = pixels<double>(picture.y);
    auto const derivatives = scc_bench::exact(options, x, y).drsmi_dy;
    auto const [lowest, highest] = std::minmax_element(derivatives.begin(), derivatives.end());
    double const largest = std::max(-*lowest, *highest);
    double worst = 0;
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
      worst = std::max(worst, std::abs(difference - derivatives[j]));
    }
    print_row({kernel_and_sigma(options), error_text(worst / largest)});
  }
}

void print_chebyshev(Scene const& picture) {
  print_heading("Chebyshev basis, degree given",
                {"kernel, sigma", "D", "terms", "estimated error of k k'", "float: rSMI", "float: gradient",
                 "double: rSMI", "double: gradient"});
  auto const print = [&](Kernel kernel, double sigma, std::vector<int> const& degrees) {
    Options options = wide(kernel, sigma);
    options.basis = Basis::chebyshev;
    Exact const expected = exact(options, picture);
    for (int const degree : degrees) {
      options.tolerance = 1e-6;
      options.tolerance = float_tolerance(scc::Plan(options, degree + 1).largest_product());
      scc::Plan const float_plan(options, degree + 1);
      options.tolerance = 1e-9;
      scc::Plan const double_plan(options, degree + 1);
      Errors const in_float = measure<float>(scc::cpu::Loss(float_plan), picture, expected);
      Errors const in_double = measure<double>(scc::cpu::Loss(double_plan), picture, expected);
      print_row({kernel_and_sigma(options), std::to_string(degree), std::to_string(float_plan.terms()),
                 error_text(float_plan.basis_error()), error_text(in_float.rsmi), error_text(in_float.gradient),
                 error_text(in_double.rsmi), error_text(in_double.gradient)});
    }
  };
  print(Kernel::gaussian, 1, {12, 14, 16, 20});
  print(Kernel::reciprocal_gaussian, 1, {18, 20, 26});
  print(Kernel::gaussian, 0.5, {20, 24, 32});
  print(Kernel::gaussian, 0.25, {32, 40});
}

void print_histogram(Scene const& picture) {
  print_heading("Histogram basis, bins given",
                {"sigma / domain width", "centres, lambda", "B", "estimated error of k^2", "rSMI", "gradient"});
  auto const print = [&](double sigma_over_width, int centers, double lambda, std::vector<int> const& bin_counts) {
    Options options = narrow(sigma_over_width, centers, lambda);
    options.basis = Basis::histogram;
    options.tolerance = 1e-10;  // so that the compression does not show
    Exact const expected = exact(options, picture);
    std::string const n = std::to_string(centers);
    for (int const bins : bin_counts) {
      scc::Plan const plan(options, bins);
      Errors const errors = measure<double>(scc::cpu::Loss(plan), picture, expected);
      print_row({text(sigma_over_width), n + 'x' + n + ", " + text(lambda), std::to_string(bins),
                 error_text(plan.basis_error()), error_text(errors.rsmi), error_text(errors.gradient)});
    }
  };
  print(0.05, 11, 1e-3, {67, 131, 259});
  print(0.125, 9, 0.05, {35, 67, 131});
  print(0.5, 9, 0.05, {19, 35});
}

void print_compression(Scene const& picture) {
  print_heading("Compression: unknowns kept, change of rSMI, relative change of the gradient",
                {"kernel, sigma", "kernels", "tolerance 1e-3", "1e-6", "1e-9", "1e-12"});
  for (Options options : {wide(Kernel::gaussian, 2), wide(Kernel::gaussian, 1), wide(Kernel::gaussian, 0.5),
                          wide(Kernel::gaussian, 0.25), wide(Kernel::reciprocal_gaussian, 1)}) {
    options.basis = Basis::chebyshev;
    Exact const expected = exact(options, picture);
    Cells row{kernel_and_sigma(options), std::to_string(options.centers_per_axis * options.centers_per_axis)};
    for (double const tolerance : {1e-3, 1e-6, 1e-9, 1e-12}) {
      options.tolerance = tolerance;
      scc::Plan const plan(options, scc::chebyshev::max_degree + 1);  // so that the basis does not show
      Errors const errors = measure<double>(scc::cpu::Loss(plan), picture, expected);
      row.push_back(std::to_string(plan.unknowns()) + ", " + error_text(errors.rsmi) + ", " +
                    error_text(errors.gradient));
    }
    print_row(row);
  }
}

/// Pictures on which H is nearly singular or the gradient nearly cancels, at default options: where float sums show.
void print_difficult_pictures(Scene const& picture) {
  print_heading(
    "Difficult pictures, options at their defaults, float pixels\n\n"
    "Reciprocal: `Options::released_code()`; its sums are in double. In the last two columns they are forced "
    "to float.",
    {"kernel", "picture", "rSMI", "error of rSMI", "of the gradient", "forced: rSMI", "forced: gradient"});
  auto const print = [&](Options const& options, char const* what, Scene const& difficult) {
    Exact const expected = exact(options, difficult);
    scc::cpu::Loss const loss(options);
    Errors const chosen = measure<float>(loss, difficult, expected);
    Options in_float = options;
    in_float.basis = Basis::chebyshev;
    in_float.tolerance = float_tolerance(loss.plan().largest_product());
    scc::Plan const plan(in_float, loss.plan().basis_size());
    Errors const forced = measure<float>(scc::cpu::Loss(plan), difficult, expected);
    print_row({name(options.kernel), what, fixed(expected.rsmi, 4), error_text(chosen.rsmi),
               error_text(chosen.gradient), error_text(forced.rsmi), error_text(forced.gradient)});
  };
  for (Options const& options : {Options{}, Options::released_code()}) {
    print(options, "the scene", picture);
    print(options, "y = x", {picture.x, picture.x});
    print(options, "y = 0.3", {picture.x, std::vector<float>(picture.x.size(), 0.3F)});
    print(options, "both at -1 or 1", changed(picture, [](float value) { return value > 0 ? 1.0F : -1.0F; }));
    print(options, "both in [0.98, 1]", changed(picture, [](float value) { return 0.99F + 0.01F * value; }));
  }
}

/// The error of the splines averages out over the colours of a natural image; here it cannot.
void print_two_colours(Scene const& picture) {
  print_heading("Pictures of two colours, narrow kernels",
                {"sigma, lambda", "bins", "estimated error of k^2", "reaches 1e-6", "rSMI", "error of rSMI"});
  Scene const coloured = changed(picture, [](float value) { return value > 0 ? 0.51F : -0.24F; });
  for (double const lambda : {0.05, 1e-3}) {
    for (double const bandwidth : {0.2, 0.1, 0.05, 0.03, 0.02}) {
      Options options = wide(Kernel::gaussian, bandwidth);
      options.lambda = lambda;
      scc::cpu::Loss const loss(options);
      auto const& plan = loss.plan();
      Exact const expected = exact(options, coloured);
      print_row({text(bandwidth) + ", " + text(lambda), std::to_string(plan.basis_size()),
                 error_text(plan.basis_error()), plan.reaches_tolerance() ? "yes" : "no", fixed(expected.rsmi, 3),
                 error_text(measure<double>(loss, coloured, expected).rsmi)});
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
int print_automatic(Scene const& symmetric, std::string const& type, std::vector<double> const& tolerances) {
  Cells columns{"kernel, sigma on domain, n, beta, lambda", "rSMI"};
  std::transform(tolerances.begin(), tolerances.end(), std::back_inserter(columns), error_text);
  print_heading("Size chosen by tolerance, " + type + " pixels: basis and size, error of rSMI, of the gradient",
                columns);
  int missed = 0;
  for (Options options : automatic_rows()) {
    double const scale = 0.5 * (options.domain_max - options.domain_min);
    Scene const picture = changed(symmetric, [&](float value) {
      return static_cast<float>(options.domain_min + scale * (static_cast<double>(value) + 1));
    });
    Exact const expected = exact(options, picture);
    Cells row{kernel_and_sigma(options) + " on [" + text(options.domain_min) + ", " + text(options.domain_max) + "], " +
                std::to_string(options.centers_per_axis) + ", " + text(options.beta) + ", " + text(options.lambda),
              fixed(expected.rsmi, 3)};
    for (double const tolerance : tolerances) {
      options.tolerance = tolerance;
      scc::cpu::Loss const loss(options);
      auto const& plan = loss.plan();
      Errors const errors = measure<T>(loss, picture, expected);
      bool const is_missed = !(errors.rsmi <= tolerance * std::max(1.0, std::abs(expected.rsmi)));
      missed += is_missed ? 1 : 0;
      std::string const mark = is_missed ? "**" : "";
      row.push_back((plan.basis() == Basis::chebyshev ? 'D' + std::to_string(plan.degree())
                                                      : 'B' + std::to_string(plan.basis_size())) +
                    ": " + mark + error_text(errors.rsmi) + mark + ", " + error_text(errors.gradient));
    }
    print_row(row);
  }
  return missed;
}

}  // namespace

int main() try {
  Scene const picture = scc_bench::make_scene(channels, height, width);
  std::cout << "Errors on a synthetic picture of " << height << " x " << width << " x " << channels
            << ". rSMI: absolute. Gradient: relative, Euclidean norm.\n";
  print_check_of_exact(picture);
  print_chebyshev(picture);
  print_histogram(picture);
  print_compression(picture);
  print_difficult_pictures(picture);
  print_two_colours(picture);
  int const missed_in_float = print_automatic<float>(picture, "float", {1e-3, 1e-4, 1e-5, 1e-6, 1e-7});
  int const missed = print_automatic<double>(picture, "double", {1e-6, 1e-7, 1e-8, 1e-9, 1e-10});
  std::cout << "\nAbove the tolerance (bold): " << missed_in_float << " with float pixels, " << missed
            << " with double pixels.\n";
  return missed == 0 ? 0 : 1;
} catch (std::exception const& error) {
  std::cerr << "accuracy: " << error.what() << '\n';
  return 1;
}
