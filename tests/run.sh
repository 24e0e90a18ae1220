#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Builds the library's tests and runs them; installs what is missing first. The last line is ctest's.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source .ci/packages.sh

print_usage() {
  cat << 'TEXT'
usage: bash tests/run.sh [--sanitize | --cuda | --ci | --fuzz SECONDS [SEED]]

  (no option)      all tests, optimised; with nvcc those of the GPU backend, too: on the CPU, and on the GPU if there is one
  --sanitize       the tests of values, inputs and workspaces, under AddressSanitizer and UndefinedBehaviorSanitizer
  --cuda           all tests, with the GPU backend compiled by nvcc, which must be there
  --ci             all tests, with the benchmarks built, and the GPU backend by nvcc where there is one
  --fuzz SECONDS [SEED]
                   feeds random input to the library for so long; a finding is written to build/fuzz. With a SEED it
                   starts from nothing, and the input is the same every time
TEXT
}

# run_preset PRESET [CMAKE_OPTION...]
run_preset() {
  local preset=$1 log=build/$1/tests.log status=0
  cmake --preset "$@"
  cmake --build --preset "$preset" --parallel "$(nproc)"
  ctest --preset "$preset" --parallel "$(nproc)" | tee "$log" || status=$?
  # Below its count ctest writes times and skipped tests; the count is what should be read last.
  grep -E '^[0-9]+% tests passed' "$log"
  return $status
}

run_fuzzer() {
  local seconds=$1 seed=$2
  require_packages "${build_packages[@]}" clang
  cmake --preset fuzz
  cmake --build --preset fuzz --parallel "$(nproc)"
  local corpus=build/fuzz/corpus
  if [[ -n $seed ]]; then
    corpus=build/fuzz/corpus_of_seed
    rm -rf "$corpus"
  fi
  mkdir -p "$corpus"
  # -timeout: no input may take longer than this many seconds. Seed 0 is one by the clock.
  build/fuzz/tests/fuzz/scc_fuzz -max_total_time="$seconds" -seed="${seed:-0}" -timeout=60 -max_len=512 -len_control=0 \
    -print_final_stats=1 -artifact_prefix=build/fuzz/ "$corpus"
}

needed=("${build_packages[@]}" "${test_packages[@]}" "${example_packages[@]}")
case "${1-}" in
  "")
    require_packages "${needed[@]}"
    require_packages_if_any "${libtorch_packages[@]}"
    if command -v nvcc > /dev/null && nvidia-smi --list-gpus > /dev/null 2>&1; then
      run_preset cuda -DCMAKE_CUDA_ARCHITECTURES=native
    else
      run_preset cpu
    fi
    ;;
  --sanitize)
    require_packages "${needed[@]}"
    run_preset cpu-sanitize
    ;;
  --cuda)
    require_packages "${needed[@]}"
    require_packages_if_any "${libtorch_packages[@]}"
    run_preset cuda
    ;;
  --ci)
    require_packages "${needed[@]}" "${bench_packages[@]}" "${compare_packages[@]}" "${libtorch_packages[@]}"
    run_preset ci
    ;;
  --fuzz)
    if ! [[ ${2-} =~ ^[1-9][0-9]*$ ]]; then
      echo "tests/run.sh: --fuzz needs a number of seconds, was given '${2-}'" >&2
      exit 2
    fi
    if ! [[ ${3-} =~ ^([1-9][0-9]*)?$ ]]; then
      echo "tests/run.sh: the seed of --fuzz must be a number, was given '$3'" >&2
      exit 2
    fi
    run_fuzzer "$2" "${3-}"
    ;;
  -h | --help)
    print_usage
    ;;
  *)
    echo "tests/run.sh: unknown option '$1'" >&2
    print_usage >&2
    exit 2
    ;;
esac
