#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# On a machine with a GPU: compiles a smoke test with nvcc and runs it; then, with CMake, builds for that GPU, runs the
# tests on it, the example and the benchmarks, then tests under compute-sanitizer, and writes a page of results; last,
# with PyTorch, bench/compare, which writes its own. Ends within 10 minutes, with a page of what was done until then.
#
# tests/gpu_script_test.sh tests the functions that decide.

print_usage() {
  cat << 'TEXT'
usage: bash tests/gpu.sh [--out FOLDER] [--full]

  --out FOLDER   where the page goes, named after the GPU (default: docs/results), and gpu_logs.tar.gz
  --full         all benchmark rows, however long they take

The smoke test needs the CUDA toolkit and g++ alone. The rest needs CMake 3.24 and Eigen; the tests need Catch2, the
benchmarks Google Benchmark, the comparison and the tests of the LibTorch adapter a python3 whose PyTorch uses the GPU.
What is missing is left out, and nothing is installed. Packages in .gpu/prefix/usr, and reference data in .gpu/shared,
are used if there are such folders. Without git the page names the commit that SCC_COMMIT holds. The GPU is the first one
that nvidia-smi lists, or the first one of CUDA_VISIBLE_DEVICES.

Exit status: 0 what was run passed, 1 something failed (the page says what), 2 bad usage, 3 there is no GPU, or no nvcc
that knows it.
TEXT
}

# --------------------------------------------------------------------------------------------------------- decisions

# version_in TEXT: the first version number in it.
version_in() { grep -oE '[0-9]+(\.[0-9]+)+' <<< "$1" | head -n 1; }

# is_at_least VERSION LEAST
is_at_least() { [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# cmake_problem TEXT: what is wrong with the CMake whose `cmake --version` printed TEXT; nothing if it will do.
cmake_problem() {
  local version
  version=$(version_in "$1") || true
  if [[ -z $version ]]; then
    echo "there is no CMake; 3.24 or later is needed: pip install cmake"
  elif ! is_at_least "$version" 3.24; then
    echo "CMake $version is too old; 3.24 or later is needed: pip install cmake"
  fi
}

# find_nvcc [ROOT]: the nvcc to use. A toolkit's comes before that of the distribution, which is on the PATH and often
# old. Fails if there is none.
find_nvcc() {
  local root=${1-} candidate
  for candidate in "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "${CUDA_PATH:+$CUDA_PATH/bin/nvcc}" \
    "$root/usr/local/cuda/bin/nvcc" $(ls -d "$root"/usr/local/cuda-*/bin/nvcc 2> /dev/null | sort -rV); do
    if [[ -n $candidate && -x $candidate ]]; then
      echo "$candidate"
      return
    fi
  done
  command -v nvcc
}

# architecture_problem COMPUTE_CAPABILITY TOOLKIT KNOWN...: why the toolkit, which knows the architectures KNOWN, cannot
# make code for a GPU; nothing if it can.
architecture_problem() {
  local capability=$1 toolkit=$2 known
  shift 2
  if ! [[ $capability =~ ^[0-9]+\.[0-9]+$ ]]; then
    echo "nvidia-smi does not say the GPU's compute capability, but '$capability': the driver is too old"
    return
  fi
  for known in "$@"; do
    if [[ $known == "sm_${capability/./}" ]]; then
      return
    fi
  done
  echo "CUDA toolkit $toolkit makes no code for compute capability $capability (sm_${capability/./}), only for: $*;" \
    "another toolkit is needed"
}

# visible_gpu [LIST]: what nvidia-smi calls the first GPU of CUDA_VISIBLE_DEVICES, with CUDA_DEVICE_ORDER=PCI_BUS_ID.
visible_gpu() {
  local first=${1%%,*}
  echo "${first:-0}"
}

# build_options PACKAGE...: CMake's options for the parts that can be built with these packages.
build_options() {
  local packages=" $* "
  [[ $packages == *' Catch2 '* ]] || echo -DSCC_BUILD_TESTS=OFF
  [[ $packages == *' benchmark '* ]] || echo -DSCC_BUILD_BENCH=OFF -DSCC_BUILD_COMPARE=ON
}

# ------------------------------------------------------------------------------------------------------------- steps

# report NAME VERDICT [TIME]: adds a row to the table of verdicts.
report() {
  verdicts+=("| $1 | $2 | ${3-} |")
  printf '%-24s %s%s\n' "$1" "$2" "${3:+ ($3)}"
}

# run NAME SECONDS COMMAND...: runs a step, and keeps what it prints.
run() {
  local name=$1 limit=$2 start=$SECONDS status=0 verdict=passed
  shift 2
  if ((limit > deadline - SECONDS)); then
    limit=$((deadline - SECONDS))
  fi
  if ((limit <= 0)); then
    status=1
    verdict="NOT RUN, no time was left"
  else
    timeout --kill-after=5 "$limit" "$@" > "$logs/$name.log" 2>&1 || status=$?
    if ((status == 124 || status == 137)); then
      verdict="NOT DONE after $limit s"
    elif ((status != 0)); then
      verdict="FAILED (status $status)"
    fi
  fi
  report "$name" "$verdict" "$((SECONDS - start)) s"
  if ((status != 0)); then
    failed=1
    tail -n 15 "$logs/$name.log" 2> /dev/null | sed 's/^/    /' || true
  fi
  return $status
}

# run_built NAME SECONDS PROGRAM [ARGUMENT...]: the same for a program that the build makes; whether it could is the
# build's verdict.
run_built() {
  if [[ -x $3 ]]; then
    run "$@" || true
  else
    report "$1" "not run: $3 was not built"
  fi
}

# sanitize TOOL SECONDS PROGRAM...: runs these programs of tests under the tool, a few at a time.
sanitize() {
  local tool=$1 limit=$2 program
  shift 2
  local command=(compute-sanitizer --tool "$tool" --error-exitcode 9)
  if [[ $tool == memcheck ]]; then
    # Tests make calls that are refused.
    command+=(--report-api-errors no)
  fi
  : > "$logs/$tool.programs"
  for program in "$@"; do
    if [[ -x $build/tests/$program ]]; then
      echo "$program" >> "$logs/$tool.programs"
    fi
  done
  if [[ -s $logs/$tool.programs ]]; then
    mkdir -p "$logs/$tool/libtorch"
    run "$tool" "$limit" xargs --arg-file="$logs/$tool.programs" --max-procs=4 -I '{}' "${command[@]}" \
      --log-file "$logs/$tool/{}.log" "$build/tests/{}" || true
  else
    report "$tool" "not run: no tests were built"
  fi
}

# What a tool said last of each program, one row per tool.
print_sanitizers() {
  local tool program
  echo "| tool | tests | summary |"
  echo "|---|---|---|"
  for tool in memcheck racecheck initcheck synccheck; do
    [[ -f $logs/$tool.programs ]] || continue
    while read -r program; do
      echo "| $tool | $program | $(grep -hoE '[A-Z]+ SUMMARY: .*' "$logs/$tool/$program.log" 2> /dev/null | tail -n 1 ||
        echo 'no summary') |"
    done < "$logs/$tool.programs"
  done
}

# Those of the packages that CMake finds, in $packages.
find_packages() {
  mkdir -p "$build/packages"
  cat > "$build/packages/CMakeLists.txt" << 'TEXT'
cmake_minimum_required(VERSION 3.24)
project(packages CXX)
foreach(package Eigen3 Catch2 benchmark)
  find_package(${package} QUIET)
  if(${package}_FOUND)
    message(STATUS "found: ${package}")
  endif()
endforeach()
TEXT
  run packages 60 cmake -S "$build/packages" -B "$build/packages/build" "$@" || return 1
  read -r -d '' -a packages < <(sed -n 's/^-- found: //p' "$logs/packages.log") || true
  report "packages found" "${packages[*]:-none}"
}

# Everything that CMake builds, and what runs it.
run_cmake_steps() {
  local problem prefix=() torch options=() keep_going=(--keep-going) programs=() seconds_left
  problem=$(cmake_problem "$(cmake --version 2> /dev/null)")
  if [[ -n $problem ]]; then
    report configure "NOT RUN: $problem"
    failed=1
    return
  fi
  if [[ -d .gpu/prefix/usr ]]; then
    prefix+=("$root/.gpu/prefix/usr")
  fi
  if torch=$(python3 -c 'import sys, torch
sys.exit(1) if not torch.cuda.is_available() else print(torch.utils.cmake_prefix_path)' 2> /dev/null); then
    prefix+=("$torch")
  else
    torch=
  fi
  if ((${#prefix[@]} > 0)); then
    options+=("-DCMAKE_PREFIX_PATH=$(IFS=';' && echo "${prefix[*]}")")
  fi
  find_packages "${options[@]}" || return 0
  if [[ " ${packages[*]} " != *' Eigen3 '* ]]; then
    report configure "not run: without Eigen (Debian and Ubuntu: libeigen3-dev) there is only the smoke test"
    return
  fi
  if [[ -d .gpu/shared ]]; then
    options+=("-DSCC_SHARED_DIR=$root/.gpu/shared")
  fi
  # Code for this GPU alone, and no PTX, which a driver older than the toolkit would refuse.
  options+=(-DCMAKE_BUILD_TYPE=Release -DSCC_BUILD_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc"
    "-DCMAKE_CUDA_ARCHITECTURES=$architecture-real" -DSCC_PTX_ARCHITECTURES= -DSCC_INSTALL=OFF
    $(build_options "${packages[@]}"))
  export TORCH_CUDA_ARCH_LIST=$capability
  if ! run configure 60 cmake -S . -B "$build" "${options[@]}"; then
    # A LibTorch can stop CMake, for example if it was built for another toolkit.
    if [[ -z $torch ]]; then
      return
    fi
    rm -f "$build/CMakeCache.txt"
    options+=(-DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON)
    run configure_without_torch 60 cmake -S . -B "$build" "${options[@]}" || return 0
  fi
  if [[ ${CMAKE_GENERATOR-} == Ninja* ]]; then
    keep_going=(-k 0)
  fi
  run build 300 cmake --build "$build" --parallel "$(nproc)" --target scc_gpu_checks -- "${keep_going[@]}" || true

  if [[ " ${packages[*]} " == *' Catch2 '* ]]; then
    run tests 120 ctest --test-dir "$build" --tests-regex '^gpu |^headers.gpu' --output-on-failure --no-tests=error \
      --parallel 8 || true
  else
    report tests "not run: there is no Catch2 (Debian and Ubuntu: catch2)"
  fi
  run_built example 30 "$build/examples/scc_device_buffers"
  if [[ " ${packages[*]} " == *' benchmark '* ]]; then
    run_built benchmarks "$bench_limit" "$build/bench/gpu_bench" "--benchmark_filter=$bench_filter" \
      --benchmark_counters_tabular=true "--benchmark_out=$logs/benchmarks.json" --benchmark_out_format=json
  else
    report benchmarks "not run: there is no Google Benchmark (Debian and Ubuntu: libbenchmark-dev)"
  fi
  if command -v compute-sanitizer > /dev/null; then
    # The first gets every test; the others, which take longer, those that lead through the code of the default options.
    read -r -d '' -a programs \
      < <(cd "$build/tests" 2> /dev/null && ls -d *_test_gpu libtorch/*_test_gpu 2> /dev/null) || true
    sanitize memcheck 100 "${programs[@]}"
    sanitize racecheck 60 graph_test_gpu golden_test_gpu
    sanitize initcheck 60 graph_test_gpu golden_test_gpu
    sanitize synccheck 60 graph_test_gpu golden_test_gpu
  else
    report compute-sanitizer "not run: it is not installed"
  fi
  # Others' losses beside this one. What it needs may be missing, and then nothing has failed.
  seconds_left=$((deadline - SECONDS))
  if [[ -z $torch ]]; then
    report compare "not run: python3 has no PyTorch that uses the GPU"
  elif ((seconds_left < 90)); then
    report compare "not run: no time was left"
  elif [[ ! -f $build/bench/compare/libscc_compare.so ]]; then
    report compare "not run: its library was not built"
  else
    run compare "$seconds_left" python3 bench/compare/compare.py --device cuda --out "$out" --budget 2 \
      --library "$build/bench/compare/libscc_compare.so" --time-limit $((seconds_left - 60)) || true
  fi
}

print_page() {
  echo "# $gpu"
  echo
  echo "Written by \`bash tests/gpu.sh\` at commit $commit, $(date -u +%Y-%m-%d)."
  echo "Compute capability $capability, driver $driver, CUDA toolkit $toolkit."
  echo
  echo "| step | verdict | time |"
  echo "|---|---|---|"
  printf '%s\n' "${verdicts[@]}"
  if [[ -s $logs/smoke.log ]]; then
    printf '\n## Smoke test\n\n```text\n'
    cat "$logs/smoke.log"
    echo '```'
  fi
  if [[ -s $logs/tests.log ]]; then
    echo
    echo "Tests on the device: $(grep -E 'tests passed|No tests' "$logs/tests.log" || echo 'no closing line');" \
      "$(grep -c '\*\*\*Skipped' "$logs/tests.log" || true) skipped."
  fi
  if [[ -s $logs/memcheck.programs ]]; then
    printf '\n## compute-sanitizer\n\n'
    print_sanitizers
  fi
  if [[ -s $build/gpu_resources.txt ]]; then
    printf '\n## Kernels\n\n'
    bash tests/kernel_resources.sh "$build/gpu_resources.txt" || true
  fi
  if [[ -s $logs/benchmarks.log ]]; then
    printf '\n## Benchmarks\n\n'
    echo "Counters are explained in [bench/gpu/gpu_bench.cpp](../../bench/gpu/gpu_bench.cpp)."
    printf '\n```text\n'
    grep -vE '^\*\*\*WARNING|^Running|Load Average' "$logs/benchmarks.log" || true
    echo '```'
  fi
}

main() {
  set -euo pipefail
  exec < /dev/null
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  cd "$root"

  out=docs/results
  deadline=570
  bench_limit=150
  bench_filter='^(target|ceiling|launch|cub)'
  local keeps_logs=0
  while (($# > 0)); do
    case $1 in
      --out)
        if [[ -z ${2-} ]]; then
          echo "tests/gpu.sh: --out needs a folder" >&2
          exit 2
        fi
        out=$2
        keeps_logs=1
        shift
        ;;
      --full)
        bench_filter=.
        bench_limit=36000
        deadline=40000
        ;;
      -h | --help)
        print_usage
        exit 0
        ;;
      *)
        echo "tests/gpu.sh: unknown option '$1'" >&2
        print_usage >&2
        exit 2
        ;;
    esac
    shift
  done

  # As nvidia-smi numbers the GPUs; CUDA's own order has the fastest first.
  export CUDA_DEVICE_ORDER=PCI_BUS_ID
  local id problem
  id=$(visible_gpu "${CUDA_VISIBLE_DEVICES-}")
  query() { nvidia-smi --query-gpu="$1" --format=csv,noheader --id="$id"; }
  if ! command -v nvidia-smi > /dev/null || ! gpu=$(query name 2> /dev/null); then
    echo "tests/gpu.sh: no NVIDIA GPU was found on this machine; nothing was built or run" >&2
    exit 3
  fi
  if ! nvcc=$(find_nvcc); then
    echo "tests/gpu.sh: there is a GPU, $gpu, but no nvcc in /usr/local/cuda, CUDA_HOME or the PATH; nothing was built" >&2
    exit 3
  fi
  export PATH=${nvcc%/*}:$PATH CUDACXX=$nvcc
  toolkit=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
  capability=$(query compute_cap 2> /dev/null) || true
  problem=$(architecture_problem "$capability" "$toolkit" $("$nvcc" --list-gpu-code))
  if [[ -n $problem ]]; then
    echo "tests/gpu.sh: $gpu: $problem (nvcc is $nvcc); nothing was built" >&2
    exit 3
  fi
  architecture=${capability/./}
  driver=$(query driver_version)
  if commit=$(git rev-parse --short HEAD 2> /dev/null); then
    if [[ -n $(git status --porcelain --untracked-files=no) ]]; then
      commit+=" with changes"
    fi
  else
    commit=${SCC_COMMIT:-unknown}
  fi

  build=build/gpu
  logs=$build/logs
  rm -rf "$logs"
  mkdir -p "$logs" "$out"
  export SCC_REQUIRE_GPU=1 OMP_WAIT_POLICY=passive
  verdicts=()
  packages=()
  failed=0
  if run smoke_build 200 "$nvcc" -std=c++17 -O2 "-gencode=arch=compute_$architecture,code=sm_$architecture" -Iinclude \
    -Icuda "-DSCC_TEST_DATA=\"$root/tests/data\"" tests/gpu_smoke.cpp cuda/scc/gpu/loss.cu -o "$build/gpu_smoke"; then
    run smoke 60 "$build/gpu_smoke" || true
    if command -v compute-sanitizer > /dev/null; then
      run smoke_memcheck 60 compute-sanitizer --tool memcheck --error-exitcode 9 "$build/gpu_smoke" || true
    fi
  fi
  run_cmake_steps

  local page
  page=$out/$(tr -c 'A-Za-z0-9\n' '_' <<< "$gpu" | tr 'A-Z' 'a-z').md
  print_page > "$page"
  if ((keeps_logs)); then
    tar -czf "$out/gpu_logs.tar.gz" -C "$build" logs
  fi
  echo "results: $page"
  exit "$failed"
}

# Tests source this file for its functions.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  main "$@"
fi
