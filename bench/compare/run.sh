#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Builds what compare.py needs of the library and runs it. SCC_PYTHON names the Python to take; SCC_COMPARE_LIBRARY a
# library that is built already. Exit status 77: there is no PyTorch.
#   run.sh [--quick] [--device cuda] [--out FOLDER] ...      run.sh --help lists all
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

for python in ${SCC_PYTHON:-python3 /usr/bin/python3} ''; do
  if [[ -z $python ]]; then
    echo "bench/compare/run.sh: ${SCC_PYTHON:-python3} has no PyTorch: install Debian's python3-torch and" \
      "python3-matplotlib, or 'pip install torch monai kornia matplotlib' in a virtual environment; SCC_PYTHON" \
      "names its Python" >&2
    exit 77
  fi
  if "$python" -c 'import torch' 2> /dev/null; then
    break
  fi
done

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
