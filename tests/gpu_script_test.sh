#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Checks what tests/gpu.sh decides: which nvcc, whether CMake and the toolkit will do, which parts are built.
#   gpu_script_test.sh

set -euo pipefail

script=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/gpu.sh
source "$script"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failures=0

# expect EXPECTED COMMAND...: the command must print this. A pattern as in [[ == ]].
expect() {
  local expected=$1 actual
  shift
  actual=$("$@" 2>&1) || actual+=", status $?"
  # shellcheck disable=SC2053
  if [[ $actual != $expected ]]; then
    echo "FAILED: $*: '$actual', expected '$expected'"
    failures=$((failures + 1))
  fi
}

expect '*there is no CMake; 3.24 or later is needed: pip install cmake' cmake_problem ''
expect 'CMake 3.22.1 is too old; 3.24 or later is needed: pip install cmake' cmake_problem 'cmake version 3.22.1'
expect 'CMake 3.9.6 is too old*' cmake_problem 'cmake version 3.9.6'
expect '' cmake_problem 'cmake version 3.24'
expect '' cmake_problem 'cmake version 3.24.0-rc1

CMake suite maintained and supported by Kitware (kitware.com/cmake).'
expect '' cmake_problem 'cmake version 4.0.2'

known=(sm_75 sm_80 sm_90)
expect '' architecture_problem 9.0 13.0 "${known[@]}"
expect '' architecture_problem 7.5 13.0 "${known[@]}"
expect 'CUDA toolkit 12.4 makes no code for compute capability 12.0 (sm_120), only for: sm_75 sm_80 sm_90; *' \
  architecture_problem 12.0 12.4 "${known[@]}"
expect 'CUDA toolkit 13.0 makes no code for compute capability 7.0 (sm_70), only for: *' \
  architecture_problem 7.0 13.0 "${known[@]}"
expect "nvidia-smi does not say the GPU's compute capability, but '\[N/A\]': *" architecture_problem '[N/A]' 13.0 sm_90

# nvcc_at PATH...: an nvcc there.
nvcc_at() {
  local path
  for path in "$@"; do
    mkdir -p "${path%/*}"
    printf '#!/bin/sh\n' > "$path"
    chmod +x "$path"
  done
}
unset CUDA_HOME CUDA_PATH
nvcc_at "$place/usr/bin/nvcc"
PATH=$place/usr/bin:$PATH expect "$place/usr/bin/nvcc" find_nvcc "$place"
nvcc_at "$place"/usr/local/cuda-{9.2,12.4,12.10}/bin/nvcc
PATH=$place/usr/bin:$PATH expect "$place/usr/local/cuda-12.10/bin/nvcc" find_nvcc "$place"
nvcc_at "$place/usr/local/cuda/bin/nvcc"
PATH=$place/usr/bin:$PATH expect "$place/usr/local/cuda/bin/nvcc" find_nvcc "$place"
CUDA_HOME=$place/nowhere expect "$place/usr/local/cuda/bin/nvcc" find_nvcc "$place"
CUDA_HOME=$place/usr/local/cuda-9.2 expect "$place/usr/local/cuda-9.2/bin/nvcc" find_nvcc "$place"
CUDA_PATH=$place/usr/local/cuda-9.2 expect "$place/usr/local/cuda-9.2/bin/nvcc" find_nvcc "$place"
mkdir "$place/tools"
ln -s "$(command -v ls)" "$(command -v sort)" "$place/tools"
PATH=$place/tools expect ', status 1' find_nvcc "$place/nowhere"

expect 0 visible_gpu ''
expect 2 visible_gpu 2,0
expect GPU-8f1c visible_gpu GPU-8f1c

expect '' build_options Eigen3 Catch2 benchmark
expect '-DSCC_BUILD_TESTS=OFF' build_options Eigen3 benchmark
expect '-DSCC_BUILD_BENCH=OFF -DSCC_BUILD_COMPARE=ON' build_options Eigen3 Catch2
expect '-DSCC_BUILD_TESTS=OFF
-DSCC_BUILD_BENCH=OFF -DSCC_BUILD_COMPARE=ON' build_options Eigen3

expect "tests/gpu.sh: unknown option '--frobnicate'*, status 2" bash "$script" --frobnicate
expect 'usage: *' bash "$script" --help
mkdir "$place/no_gpu"
printf '#!/bin/sh\nexit 9\n' > "$place/no_gpu/nvidia-smi"
chmod +x "$place/no_gpu/nvidia-smi"
PATH=$place/no_gpu:$PATH expect 'tests/gpu.sh: no NVIDIA GPU was found on this machine; *, status 3' bash "$script"

if ((failures > 0)); then
  echo "$failures checks of tests/gpu.sh failed"
  exit 1
fi
echo 'all checks of tests/gpu.sh passed'
