// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <matio.h>
#include <memory>
#include <stdexcept>
#include <string>

#include "data/svhn.hpp"
#include "drawing/image_file.hpp"

namespace translate {

namespace {

using MatVariable = std::unique_ptr<matvar_t, decltype(&Mat_VarFree)>;

class MatFile {
public:
  explicit MatFile(std::filesystem::path path) : path_(std::move(path)), file_(nullptr, &Mat_Close) {
    // The library would write its complaints to the standard error output.
    Mat_LogInitFunc("scc_translate", [](int, auto*) {});
    if (!std::filesystem::is_regular_file(path_)) {
      reject("there is no such file");
    }
    file_.reset(Mat_Open(path_.c_str(), MAT_ACC_RDONLY));
    if (!file_) {
      reject("it is damaged or no MATLAB file");
    }
  }

  // The variable, if its axes are as they must be; -1 stands for any length.
  MatVariable read(char const* name, std::vector<std::int64_t> const& lengths) const {
    MatVariable variable(Mat_VarRead(file_.get(), name), &Mat_VarFree);
    bool fits = variable && variable->data != nullptr && variable->isComplex == 0 &&
                variable->rank == static_cast<int>(lengths.size());
    for (std::size_t axis = 0; fits && axis < lengths.size(); ++axis) {
      auto const length = static_cast<std::int64_t>(variable->dims[axis]);
      fits = length > 0 && (lengths[axis] < 0 || length == lengths[axis]);
    }
    if (!fits) {
      reject(std::string("its variable ") + name + " is missing, damaged or of another shape");
    }
    return variable;
  }

  [[noreturn]] void reject(std::string const& reason) const {
    throw std::runtime_error("cannot use " + drawing::quoted(path_) + ": " + reason +
                             "; get it from http://ufldl.stanford.edu/housenumbers/");
  }

private:
  std::filesystem::path path_;
  std::unique_ptr<mat_t, decltype(&Mat_Close)> file_;
};

}  // namespace

Images read_svhn(std::filesystem::path const& folder, Part part) {
  MatFile const file(folder / (part == Part::train ? "train_32x32.mat" : "test_32x32.mat"));
  auto const x = file.read("X", {digit_size, digit_size, 3, -1});
  auto const count = static_cast<std::int64_t>(x->dims[3]);
  auto const y = file.read("y", {count, 1});
  if (x->class_type != MAT_C_UINT8 || (y->class_type != MAT_C_UINT8 && y->class_type != MAT_C_DOUBLE)) {
    file.reject("X must be of uint8, and y of uint8 or double");
  }
  // Columns of a channel come first in the file.
  auto const pixels =
    torch::from_blob(x->data, {count, 3, digit_size, digit_size},
                     {3 * digit_size * digit_size, digit_size * digit_size, 1, digit_size}, torch::kUInt8)
      .contiguous();
  auto const type = y->class_type == MAT_C_UINT8 ? torch::kUInt8 : torch::kFloat64;
  auto const labels = torch::from_blob(y->data, {count}, type).to(torch::kInt64);
  if (labels.lt(1).logical_or(labels.gt(10)).any().item<bool>()) {
    file.reject("a label is not 1 to 10");
  }
  return {pixels, labels.remainder(10), {}, {}, {}};
}

}  // namespace translate
