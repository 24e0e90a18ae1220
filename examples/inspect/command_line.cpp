// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <CLI/CLI.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../drawing/canvas.hpp"
#include "../program.hpp"
#include "command_line.hpp"

namespace inspect {

namespace {

// Two numbers that are set together; `help_default` is what --help says of them.
CLI::Option* add_range(CLI::App& app, char const* name, double& low, double& high, char const* help,
                       char const* help_default) {
  auto const set = [&low, &high](std::pair<double, double> const& range) { std::tie(low, high) = range; };
  return app.add_option_function<std::pair<double, double>>(name, set, help)
    ->default_str(help_default)
    ->type_name("LO HI");
}

void add_estimator_options(CLI::App& app, scc::Options& options) {
  app.option_defaults()->group("Estimator");
  // First, so that it is obeyed first: the others change what it sets.
  app.add_flag_callback(
    "--released-code", [&options] { options = scc::Options::released_code(); },
    "start from the parameters of the authors' released code");
  add_choice(app, "--kernel", options.kernel, kernel_names, "gaussian or reciprocal_gaussian");
  app.add_option("--bandwidth", options.bandwidth, "sigma of the kernel, in units of pixel value")->type_name("S");
  app.add_option("--centers", options.centers_per_axis, "kernel centres per axis, 2 to 32")->type_name("N");
  add_range(app, "--center-range", options.center_min, options.center_max, "first and last centre", "-1 1");
  app.add_option("--beta", options.beta, "weight of the product density, 0 <= B < 1")->type_name("B");
  app.add_option("--lambda", options.lambda, "ridge of the fit, > 0")->type_name("L");
  add_range(app, "--domain", options.domain_min, options.domain_max,
            "smallest and largest pixel value; others are clamped and counted", "-1 1");
  add_choice(app, "--basis", options.basis, {"automatic", "chebyshev", "histogram"},
             "automatic, chebyshev or histogram");
  app.add_option("--tolerance", options.tolerance, "error of rSMI that the basis may cause, 1e-12 to 1e-2")
    ->type_name("T");
}

void add_selection_options(CLI::App& app, Request& request, CLI::Option* select) {
  constexpr int most = std::numeric_limits<int>::max();
  app.add_option("--folds", request.folds.count, "parts that the pixels of an image are dealt out to, 2 to 256")
    ->check(CLI::Range(2, 256))
    ->type_name("K")
    ->needs(select);
  app
    .add_option("--block", request.folds.block,
                "edge of the squares of pixels that stay together; 0 deals out every value by itself")
    ->check(CLI::Range(0, most))
    ->type_name("N")
    ->needs(select);
  auto const add_list = [&](char const* name, std::vector<double>& values, char const* help) {
    app.add_option(name, values, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->default_str("")
      ->type_name("A,B,...")
      ->needs(select);
  };
  add_list("--bandwidths", request.candidates.bandwidths,
           "candidates (from 1/20 of the domain to its width, and --bandwidth)");
  add_list("--lambdas", request.candidates.lambdas, "candidates (from 1e-5 to 1, and --lambda)");
}

void require_values(char const* name, ValueRange values) {
  // Pixel values are float, and a float holds no more.
  constexpr double largest = 1e30;
  if (!(std::abs(values.low) <= largest && std::abs(values.high) <= largest && values.low < values.high)) {
    throw CLI::ValidationError(name, "the second value must be greater than the first, both at most 1e30 in size");
  }
}

}  // namespace

void add_options(CLI::App& app, Request& request) {
  app.description(R"(How much of the structure of an image survives its translation.

  scc_inspect INPUT TRANSLATION [--out report.png] [options]
  scc_inspect --synthetic [--out report.png] [options]
  scc_inspect --pairs DIR_A DIR_B [--csv pairs.csv] [--worst K] [options]
  scc_inspect --select (INPUT TRANSLATION | --synthetic | --pairs DIR_A DIR_B) [--csv table.csv] [options]
  (--mask MASK.png, or --mask DIR with --pairs, leaves out pixels)

The first form measures one pair of images of the same size, prints the numbers and draws a picture that shows what
they mean. The second does the same with a built-in scene. The third measures every image of DIR_A against the image of
DIR_B with the same name. The fourth chooses bandwidth and lambda for one pair, or for all pairs together, by
cross-validation, and prints how each candidate did.

Images are PNG, JPEG, binary PPM or binary PGM. 16-bit files are read as 8-bit (this is said), transparency is dropped,
orientation tags are not obeyed. A grey image is compared with each channel of a colour image. A mask is a grey image of
the same size: black pixels do not count, white ones do, others in proportion.)");
  app.footer(
    R"(If the trainer feeds [0, 1] to a loss with the domain [-1, 1], say --values 0 1.
A file whose name starts with '-' may follow after --. An existing FILE is replaced, unless it is one of the images.

--pairs looks into subfolders too; two files are a pair if their paths below DIR_A and DIR_B agree but for the extension.
Columns of the CSV: name, rsmi, x_outside, x_nan, y_outside, y_nan (counts of values of the input and of the translation
that are outside the domain or NaN) and error. A pair that cannot be measured has its reason in error, and no numbers.
Files without a partner are named at the end and are not in the CSV.
--select prints, for each candidate, rSMI of pixels that the fit has not seen; the largest is chosen, and marked *. Columns
of its CSV: bandwidth, lambda, criterion, standard_error (of the criterion), held_out_rsmi, rsmi.

Exit status: 0 done, 1 something could not be read or written (with --pairs: no pair could be read), 2 bad arguments.)");

  auto* const input = app.add_option("INPUT", request.input, "an image")->type_name("FILE");
  auto* const translation = app.add_option("TRANSLATION", request.translation, "its translation")->type_name("FILE");
  app.option_defaults()->group("Images");
  auto* const synthetic = app.add_flag("--synthetic", "measure a built-in scene and its translation");
  using Folders = std::pair<std::string, std::string>;
  auto const set_folders = [&request](Folders const& folders) {
    std::tie(request.input, request.translation) = folders;
  };
  auto* const pairs = app.add_option_function<Folders>("--pairs", set_folders, "measure two folders, pair by pair")
                        ->type_name("DIR_A DIR_B")
                        ->excludes(synthetic);
  app.add_option("--mask", request.mask, "which pixels count; with --pairs a folder of masks with the names of DIR_A")
    ->type_name("FILE")
    ->excludes(synthetic);
  auto* const values = add_range(app, "--values", request.values.low, request.values.high,
                                 "pixel values that the bytes 0 and 255 stand for", "the domain");
  app.option_defaults()->group("Selection");
  auto* const select = app.add_flag("--select", request.selects, "choose bandwidth and lambda; the basis is automatic");
  add_selection_options(app, request, select);

  app.option_defaults()->group("Output");
  app.add_option("--out", request.report, "the picture: .png, .svg or .pdf")
    ->type_name("FILE")
    ->excludes(pairs)
    ->excludes(select);
  auto* const csv =
    app.add_option("--csv", request.csv, "a line per pair (scc_pairs.csv), with --select per candidate (none)")
      ->type_name("FILE");
  CLI::Range const at_least_one(1, std::numeric_limits<int>::max());
  app.add_option("--worst", request.worst, "how many of the pairs with the lowest rSMI to list")
    ->check(at_least_one)
    ->type_name("K")
    ->needs(pairs)
    ->excludes(select);
  app.add_option("--repeat", request.repeat, "take the shortest of N runs for the timing")
    ->check(at_least_one)
    ->type_name("N")
    ->excludes(pairs)
    ->excludes(select);
  add_estimator_options(app, request.options);
  app.get_option("--basis")->excludes(select);

  app.callback([=, &request] {
    request.task = !pairs->empty() ? Task::audit : (!synthetic->empty() ? Task::synthetic_pair : Task::one_pair);
    if (request.task != Task::one_pair && input->count() > 0) {
      throw CLI::ValidationError(request.task == Task::audit ? "--pairs" : "--synthetic", "takes no further files");
    }
    if (request.task == Task::one_pair && translation->empty()) {
      throw CLI::ValidationError("needs two files, INPUT and TRANSLATION (see --help)");
    }
    if (request.task != Task::audit && !csv->empty() && !request.selects) {
      throw CLI::ValidationError("--csv", "needs --pairs or --select");
    }
    if (request.task == Task::audit && !request.selects && csv->empty()) {
      request.csv = "scc_pairs.csv";
    }
    try {
      drawing::format_of(request.report);
    } catch (std::invalid_argument const& error) {
      throw CLI::ValidationError("--out", error.what());
    }
    require_valid(request.options);
    if (values->empty()) {
      request.values = {request.options.domain_min, request.options.domain_max};
    }
    require_values(values->empty() ? "--domain" : "--values", request.values);
  });
}

}  // namespace inspect
