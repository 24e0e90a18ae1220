// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <iostream>
#include <scc/scc.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "../drawing/image_file.hpp"
#include "image_pairs.hpp"
#include "inspection.hpp"
#include "numbers.hpp"
#include "scene.hpp"
#include "tasks.hpp"

namespace inspect {

namespace {

char const* const csv_header = "bandwidth,lambda,criterion,standard_error,held_out_rsmi,rsmi\n";

// Enough to tell any two candidates that somebody would list.
constexpr int parameter_digits = 9;

scc::Candidates candidates_of(Request const& request) {
  scc::Candidates candidates = request.candidates;
  if (candidates.bandwidths.empty() || candidates.lambdas.empty()) {
    scc::Options options = request.options;
    if (!candidates.lambdas.empty()) {
      // Which bandwidths can be used depends on the smallest ridge.
      options.lambda = *std::min_element(candidates.lambdas.begin(), candidates.lambdas.end());
    }
    scc::Candidates const usual = scc::default_candidates(options);
    candidates.bandwidths = candidates.bandwidths.empty() ? usual.bandwidths : candidates.bandwidths;
    candidates.lambdas = candidates.lambdas.empty() ? usual.lambdas : candidates.lambdas;
  }
  return candidates;
}

// Before any work is done.
void require_writable_table(Request const& request) {
  if (!request.csv.empty()) {
    drawing::write_file(request.csv, csv_header);
  }
}

// Adds the pairs of two folders, and returns why those failed that did.
std::vector<std::string> add_folders(Request const& request, scc::CrossValidation& validation) {
  FolderPair const folders(request.input, request.translation, request.mask);
  drawing::require_not_an_image(request.csv, folders.files());
  require_writable_table(request);
  folders.report_partnerless();
  std::vector<std::string> failed;
  folders.for_each([&](ImagePair const& pair) { cross_validate(validation, pair, request.values); },
                   [&](std::string const& name, std::string const& reason) {
                     if (!reason.empty()) {
                       failed.push_back(std::string(name).append(": ").append(reason));
                     }
                   });
  return failed;
}

std::string table_csv(scc::Selection const& selection) {
  std::ostringstream text;
  text << std::setprecision(parameter_digits) << csv_header;
  for (auto const& score : selection.table) {
    text << score.bandwidth << ',' << score.lambda << ',' << score.criterion << ',' << score.standard_error << ','
         << score.held_out_rsmi() << ',' << score.rsmi << '\n';
  }
  return text.str();
}

// rSMI of unseen pixels, a row for each bandwidth and a column for each lambda.
void print_table(scc::Selection const& selection, scc::Candidates const& candidates) {
  constexpr int width = 10;
  std::cout << std::left << std::setw(width) << "sigma"
            << "lambda" << '\n'
            << std::setw(width) << "";
  std::cout << std::right;
  for (double const lambda : candidates.lambdas) {
    std::cout << std::setw(width) << significant(lambda, 3);
  }
  std::cout << '\n';
  for (std::size_t candidate = 0; candidate < selection.table.size(); ++candidate) {
    auto const& score = selection.table[candidate];
    if (candidate % candidates.lambdas.size() == 0) {
      std::cout << std::left << std::setw(width) << significant(score.bandwidth, 4) << std::right;
    }
    std::string const mark = candidate == selection.best ? "*" : "";
    std::cout << ' ' << std::setw(width - 1) << mark + fixed(score.held_out_rsmi(), 4);
    if (candidate % candidates.lambdas.size() == candidates.lambdas.size() - 1) {
      std::cout << '\n';
    }
  }
}

bool is_end(std::vector<double> const& values, double value) {
  auto const [smallest, largest] = std::minmax_element(values.begin(), values.end());
  return values.size() > 1 && (value == *smallest || value == *largest);
}

void print_choice(scc::Selection const& selection, scc::Candidates const& candidates, Request const& request) {
  auto const row = [](char const* name, std::string const& value) {
    std::cout << std::left << std::setw(28) << name << value << '\n';
  };
  auto const& best = selection.table[selection.best];
  auto const parameters = [](scc::CandidateScore const& score) {
    return "--bandwidth " + significant(score.bandwidth, parameter_digits) + " --lambda " +
           significant(score.lambda, parameter_digits);
  };
  row("chosen", parameters(best));
  row("rSMI of unseen pixels",
      fixed(best.held_out_rsmi(), 6) + ", standard error " + fixed(2 * best.standard_error, 6) + " from fold to fold");
  row("rSMI of all pixels", fixed(best.rsmi, 6));
  auto const given = std::find_if(selection.table.begin(), selection.table.end(), [&](auto const& score) {
    return score.bandwidth == request.options.bandwidth && score.lambda == request.options.lambda;
  });
  if (given != selection.table.end()) {
    row("for comparison", parameters(*given) + ": rSMI of unseen pixels " + fixed(given->held_out_rsmi(), 6) +
                            ", of all pixels " + fixed(given->rsmi, 6));
  }
  if (is_end(candidates.bandwidths, best.bandwidth) || is_end(candidates.lambdas, best.lambda)) {
    row("remark", "the choice is at an end of the candidates; --bandwidths and --lambdas take others");
  }
  auto const is_nan = [](auto const& score) { return score.criterion != score.criterion; };
  auto const lost = std::count_if(selection.table.begin(), selection.table.end(), is_nan);
  if (lost > 0) {
    row("remark", std::to_string(lost) + " candidates are nan: their lambda is lost in the errors of H for some image");
  }
  auto const outside = selection.diagnostics.x_outside + selection.diagnostics.y_outside;
  if (outside > 0) {
    row("remark", std::to_string(outside) + " pixel values are outside the domain and count as its ends");
  }
}

}  // namespace

bool select(Request const& request) {
  scc::Candidates const candidates = candidates_of(request);
  scc::CrossValidation validation(request.options, candidates, request.folds);
  std::vector<std::string> failed;
  if (request.task == Task::audit) {
    failed = add_folders(request, validation);
  } else {
    drawing::require_not_an_image(request.csv, {request.input, request.translation, request.mask});
    require_writable_table(request);
    cross_validate(validation,
                   request.task == Task::synthetic_pair ? synthetic_pair()
                                                        : read_pair(request.input, request.translation, request.mask),
                   request.values);
  }
  for (auto const& reason : failed) {
    std::cout << "left out " << reason << '\n';
  }
  if (validation.images() == 0) {
    return false;
  }
  scc::Selection const selection = validation.result();
  std::string const unit = request.folds.block == 0 ? "single values"
                                                    : "squares of " + std::to_string(request.folds.block) + " x " +
                                                        std::to_string(request.folds.block) + " pixels";
  std::cout << "rSMI of pixels that the fit has not seen; pairs: " << selection.images
            << ", folds: " << request.folds.count << " of " << unit << "\n\n";
  print_table(selection, candidates);
  std::cout << '\n';
  print_choice(selection, candidates, request);
  if (!request.csv.empty()) {
    drawing::write_file(request.csv, table_csv(selection));
    std::cout << std::left << std::setw(28) << "table" << request.csv.string() << '\n';
  }
  return true;
}

}  // namespace inspect
