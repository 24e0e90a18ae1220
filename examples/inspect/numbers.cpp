// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <ios>
#include <sstream>

#include "numbers.hpp"

namespace inspect {

namespace {

std::string interval(double low, double high) { return "[" + significant(low, 6) + ", " + significant(high, 6) + "]"; }

std::string size_text(drawing::Image const& image) {
  return std::to_string(image.width) + " x " + std::to_string(image.height) +
         (image.channels == 1 ? ", grey" : ", RGB") + (image.reduced_from_16_bits ? " (16 bits, read as 8)" : "");
}

// How many pixels are not black.
std::string share_text(drawing::Image const& mask) {
  auto const black = std::count(mask.pixels.begin(), mask.pixels.end(), std::uint8_t{0});
  return fixed(100 - 100 * static_cast<double>(black) / static_cast<double>(mask.pixels.size()), 1) + " %";
}

std::string basis_text(scc::cpu::Loss const& loss) {
  auto const& plan = loss.plan();
  return std::string(plan.basis() == scc::Basis::chebyshev ? "chebyshev" : "histogram") + ", " +
         std::to_string(plan.terms()) + " terms (" + std::to_string(plan.basis_size()) + " per axis)" +
         (plan.reaches_tolerance() ? ""
                                   : "; pictures of few colours may miss the tolerance, as the kernels are narrow");
}

std::string rsmi_text(double rsmi) {
  char const* const remark = std::isnan(rsmi)      ? " (no number: NaN pixels, or the fit failed)"
                             : rsmi < too_negative ? " (negative: lambda is too large for these kernels)"
                                                   : "";
  return fixed(rsmi, 6) + remark;
}

std::string kernel_name(scc::Kernel kernel) {
  return kernel == scc::Kernel::gaussian ? "gaussian" : "reciprocal gaussian";
}

}  // namespace

std::string significant(double value, int digits) {
  std::ostringstream text;
  text << std::setprecision(digits) << value;
  return text.str();
}

std::string fixed(double value, int digits) {
  if (std::isnan(value)) {
    return "nan";
  }
  double const unit = std::pow(10, -digits);
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << (std::abs(value) < unit / 2 ? 0.0 : value);  // no -0.000
  return text.str();
}

std::string describe(scc::cpu::Loss const& loss) {
  auto const& options = loss.options();
  auto const n = std::to_string(options.centers_per_axis);
  return kernel_name(options.kernel) + " kernel, sigma " + significant(options.bandwidth, 6) + ", " + n + " x " + n +
         " centres on " + interval(options.center_min, options.center_max) + ", beta " + significant(options.beta, 6) +
         ", lambda " + significant(options.lambda, 6);
}

std::vector<Row> number_table(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values,
                              Inspection const& inspection) {
  auto const count = static_cast<double>(inspection.values_per_image);
  auto const timing = [&](double ms) {
    return fixed(ms, 3) + " ms, " + fixed(ms * 1e6 / count, 2) + " ns per pixel value";
  };
  auto const counts_text = [&](std::int64_t outside, std::int64_t nan) {
    return std::to_string(outside) + " outside the domain, " + std::to_string(nan) + " NaN";
  };
  auto const m = std::to_string(inspection.statistics.h.size());
  auto const& pixel_counts = inspection.score.pixel_counts;
  auto const& options = loss.options();
  std::vector<Row> rows{
    {"rSMI", rsmi_text(inspection.score.rsmi)},
    {"loss", fixed(inspection.loss, 6) + " (the negative of rSMI)"},
    {"rSMI of input and input", fixed(inspection.rsmi_with_itself, 6)},
    {"rSMI with pixels shuffled", fixed(inspection.rsmi_shuffled, 6)},
    {"input", pair.input_name + ", " + size_text(pair.input)},
    {"translation", pair.translation_name + ", " + size_text(pair.translation)},
    {"mask", ""},
    {"pixel values", interval(values.low, values.high) + " for bytes 0 to 255, domain " +
                       interval(options.domain_min, options.domain_max)},
    {"input values", counts_text(pixel_counts.x_outside, pixel_counts.x_nan)},
    {"translation values", counts_text(pixel_counts.y_outside, pixel_counts.y_nan)},
    {"estimator", describe(loss)},
    {"h and H", m + " and " + m + " x " + m},
    {"basis", basis_text(loss)},
    {"construction", fixed(inspection.construction_ms, 3) + " ms"},
    {"forward", timing(inspection.forward_ms)},
    {"backward", timing(inspection.backward_ms)},
  };
  auto const mask = std::find_if(rows.begin(), rows.end(), [](Row const& row) { return row.name == "mask"; });
  if (pair.is_masked()) {
    mask->value = pair.mask_name + ", " + share_text(pair.mask) + " of the pixels count";
  } else {
    rows.erase(mask);
  }
  return rows;
}

}  // namespace inspect
