#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Builds what compare.py needs of the library and runs it. SCC_PYTHON names the Python to take; SCC_COMPARE_LIBRARY a
# library that is built already. Exit status 77: there is no PyTorch.
#   run.sh [--quick] [--device cuda] [--out FOLDER] ...      run.sh --help lists all
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

source "$root/examples/find_pytorch.sh"

library=${SCC_COMPARE_LIBRARY-}
if [[ -z $library && " $* " != *' --help '* && " $* " != *' -h '* ]]; then
  options=(-DSCC_BUILD_EXAMPLES=OFF -DSCC_BUILD_COMPARE=ON -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON)
  if [[ " $* " == *' cuda '* || " $* " == *'=cuda '* ]]; then
    options+=(-DSCC_BUILD_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=native)
  fi
  source "$root/examples/build_program.sh"
  build_program compare scc_compare "${options[@]}"
  library=$root/build/compare/bench/compare/libscc_compare.so
fi
exec "$python" "$here/compare.py" --library "$library" "$@"
