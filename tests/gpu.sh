#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# On a machine with a GPU: builds for it, runs the tests on it, alone and under compute-sanitizer, then the example and the
# benchmarks, and writes a page of results. Every step has a limit, together below 10 minutes on 16 cores.
set -euo pipefail
exec < /dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

print_usage() {
  cat << 'TEXT'
usage: bash tests/gpu.sh [--out FOLDER] [--full]

  --out FOLDER   where the page goes, named after the GPU (default: docs/results)
  --full         all benchmark rows, without a limit of time

Needs the CUDA toolkit, CMake, g++, Eigen, Catch2 and Google Benchmark, and installs nothing. What the system lacks is taken
from .gpu/prefix/usr, reference data from .gpu/shared, if there are such folders. Exit status: 0 all passed, 1 something
failed (the page says what), 3 there is no GPU or no nvcc.
TEXT
}

out=docs/results
bench_filter='^(target|ceiling|launch)'
bench_limit=150
while (($# > 0)); do
  case $1 in
    --out)
      out=${2:?"tests/gpu.sh: --out needs a folder"}
      shift
      ;;
    --full)
      bench_filter=.
      bench_limit=3600
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

query() { nvidia-smi --query-gpu="$1" --format=csv,noheader --id=0; }

if ! command -v nvidia-smi > /dev/null || ! gpu=$(query name 2> /dev/null); then
  echo "tests/gpu.sh: no NVIDIA GPU was found on this machine; nothing was built or run" >&2
  exit 3
fi
if ! command -v nvcc > /dev/null; then
  echo "tests/gpu.sh: there is a GPU, $gpu, but no nvcc on the PATH; nothing was built or run" >&2
  exit 3
fi
architecture=$(query compute_cap | tr -d .)
driver=$(query driver_version)
toolkit=$(nvcc --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
commit=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)
if [[ -n $(git status --porcelain --untracked-files=no 2> /dev/null) ]]; then
  commit+=" with changes"
fi

build=build/gpu
logs=$build/logs
mkdir -p "$logs" "$out"
export SCC_REQUIRE_GPU=1 CUDA_MODULE_LOADING=EAGER
verdicts=()
failed=0

# run NAME SECONDS COMMAND...: runs a step, keeps what it prints, and adds a row to the table of verdicts.
run() {
  local name=$1 limit=$2 start=$SECONDS status=0 verdict=passed
  shift 2
  timeout --kill-after=5 "$limit" "$@" > "$logs/$name.log" 2>&1 || status=$?
  if ((status == 124 || status == 137)); then
    verdict="not done after $limit s"
  elif ((status != 0)); then
    verdict="FAILED (status $status)"
  fi
  ((status == 0)) || failed=1
  verdicts+=("| $name | $verdict | $((SECONDS - start)) s |")
  printf '%-24s %s (%d s)\n' "$name" "$verdict" $((SECONDS - start))
  if ((status != 0)); then
    tail -n 15 "$logs/$name.log" | sed 's/^/    /'
  fi
  return $status
}

configure_options=(-DCMAKE_BUILD_TYPE=Release -DSCC_BUILD_CUDA=ON "-DCMAKE_CUDA_ARCHITECTURES=$architecture-real"
  -DSCC_INSTALL=OFF)
if [[ -d .gpu/prefix/usr ]]; then
  configure_options+=("-DCMAKE_PREFIX_PATH=$root/.gpu/prefix/usr")
fi
if [[ -d .gpu/shared ]]; then
  configure_options+=("-DSCC_SHARED_DIR=$root/.gpu/shared")
fi

run configure 60 cmake -S . -B "$build" "${configure_options[@]}" || true
if ((!failed)); then
  run build 240 cmake --build "$build" --parallel "$(nproc)" --target scc_gpu_checks || true
fi
if ((!failed)); then
  run tests 90 ctest --test-dir "$build" --tests-regex '^gpu |^headers.gpu' --output-on-failure --no-tests=error \
    --parallel 4 || true
  run example 20 "$build/examples/scc_device_buffers" || true
  if command -v compute-sanitizer > /dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
      run "$tool" 45 compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/tests/graph_test_gpu" || true
    done
  else
    verdicts+=("| compute-sanitizer | not installed | |")
  fi
  run benchmarks "$bench_limit" "$build/bench/gpu_bench" "--benchmark_filter=$bench_filter" \
    "--benchmark_out=$logs/benchmarks.json" --benchmark_out_format=json || true
fi

page=$out/$(tr -c 'A-Za-z0-9\n' '_' <<< "$gpu" | tr 'A-Z' 'a-z').md
{
  echo "# $gpu"
  echo
  echo "Written by \`bash tests/gpu.sh\` at commit $commit, $(date -u +%Y-%m-%d). Compute capability $architecture, driver $driver, CUDA toolkit $toolkit."
  echo
  echo "| step | verdict | time |"
  echo "|---|---|---|"
  printf '%s\n' "${verdicts[@]}"
  if [[ -s $logs/tests.log ]]; then
    echo
    echo "Tests on the device: $(grep -E 'tests passed|No tests' "$logs/tests.log" || echo 'no closing line')."
  fi
  if [[ -s $logs/benchmarks.log ]]; then
    echo
    echo "## Benchmarks"
    echo
    echo "Counters are explained in [bench/gpu/gpu_bench.cpp](../../bench/gpu/gpu_bench.cpp)."
    echo
    echo '```'
    grep -vE '^\*\*\*WARNING|^Running|Load Average' "$logs/benchmarks.log" || true
    echo '```'
  fi
} > "$page"
echo "results: $page"
exit "$failed"
