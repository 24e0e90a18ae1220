#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# On a machine with a GPU: builds for it, runs the tests on it, the example and the benchmarks, then tests under
# compute-sanitizer, and writes a page of results; last, with PyTorch, bench/compare, which writes its own. Ends within 10
# minutes, with a page of what was done until then.
set -euo pipefail
exec < /dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

print_usage() {
  cat << 'TEXT'
usage: bash tests/gpu.sh [--out FOLDER] [--full]

  --out FOLDER   where the page goes, named after the GPU (default: docs/results), and gpu_logs.tar.gz
  --full         all benchmark rows, however long they take

Needs the CUDA toolkit, CMake, g++, Eigen, Catch2 and Google Benchmark, and installs nothing; the comparison with
PyTorch is made if python3 has a PyTorch that uses the GPU. What the system lacks is taken from .gpu/prefix/usr, reference
data from .gpu/shared, if there are such folders. Without git the page names the commit that SCC_COMMIT holds. Exit status:
0 all passed, 1 something failed (the page says what), 3 there is no GPU or no nvcc.
TEXT
}

out=docs/results
keeps_logs=0
bench_filter='^(target|ceiling|launch)'
bench_limit=150
deadline=570
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

query() { nvidia-smi --query-gpu="$1" --format=csv,noheader --id=0; }

if ! command -v nvidia-smi > /dev/null || ! gpu=$(query name 2> /dev/null); then
  echo "tests/gpu.sh: no NVIDIA GPU was found on this machine; nothing was built or run" >&2
  exit 3
fi
PATH=$PATH:${CUDA_PATH:-/usr/local/cuda}/bin
if ! command -v nvcc > /dev/null; then
  echo "tests/gpu.sh: there is a GPU, $gpu, but no nvcc on the PATH; nothing was built or run" >&2
  exit 3
fi
architecture=$(query compute_cap | tr -d .)
driver=$(query driver_version)
toolkit=$(nvcc --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
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
failed=0

# run NAME SECONDS COMMAND...: runs a step, keeps what it prints, and adds a row to the table of verdicts.
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
  verdicts+=("| $name | $verdict | $((SECONDS - start)) s |")
  printf '%-24s %s (%d s)\n' "$name" "$verdict" $((SECONDS - start))
  if ((status != 0)); then
    failed=1
    tail -n 15 "$logs/$name.log" 2> /dev/null | sed 's/^/    /' || true
  fi
  return $status
}

# sanitize TOOL SECONDS CONCEPT...: runs the tests of these concepts under the tool, a few at a time.
sanitize() {
  local tool=$1 limit=$2
  shift 2
  local command=(compute-sanitizer --tool "$tool" --error-exitcode 9)
  if [[ $tool == memcheck ]]; then
    # Tests make calls that are refused.
    command+=(--report-api-errors no)
  fi
  printf '%s\n' "$@" > "$logs/$tool.concepts"
  run "$tool" "$limit" xargs --arg-file="$logs/$tool.concepts" --max-procs=4 -I '{}' "${command[@]}" \
    --log-file "$logs/$tool.{}.log" "$build/tests/{}_test_gpu" || true
}

# What a tool said last of each concept, one row per tool.
print_sanitizers() {
  local tool concept
  echo "| tool | tests | summary |"
  echo "|---|---|---|"
  for tool in memcheck racecheck initcheck synccheck; do
    [[ -f $logs/$tool.concepts ]] || continue
    while read -r concept; do
      echo "| $tool | $concept | $(grep -hoE '[A-Z]+ SUMMARY: .*' "$logs/$tool.$concept.log" 2> /dev/null | tail -n 1 ||
        echo 'no summary') |"
    done < "$logs/$tool.concepts"
  done
}

configure_options=(-DCMAKE_BUILD_TYPE=Release -DSCC_BUILD_CUDA=ON "-DCMAKE_CUDA_ARCHITECTURES=$architecture-real"
  -DSCC_PTX_ARCHITECTURES= -DSCC_INSTALL=OFF)
if [[ -d .gpu/prefix/usr ]]; then
  configure_options+=("-DCMAKE_PREFIX_PATH=$root/.gpu/prefix/usr")
fi
if [[ -d .gpu/shared ]]; then
  configure_options+=("-DSCC_SHARED_DIR=$root/.gpu/shared")
fi

if run configure 60 cmake -S . -B "$build" "${configure_options[@]}" &&
  run build 300 cmake --build "$build" --parallel "$(nproc)" --target scc_gpu_checks; then
  run tests 120 ctest --test-dir "$build" --tests-regex '^gpu |^headers.gpu' --output-on-failure --no-tests=error \
    --parallel 8 || true
  run example 30 "$build/examples/scc_device_buffers" || true
  run benchmarks "$bench_limit" "$build/bench/gpu_bench" "--benchmark_filter=$bench_filter" \
    --benchmark_counters_tabular=true "--benchmark_out=$logs/benchmarks.json" --benchmark_out_format=json || true
  if command -v compute-sanitizer > /dev/null; then
    # The first gets every test; the others, which take longer, those that lead through the code of the default options.
    programs=("$build"/tests/*_test_gpu)
    programs=("${programs[@]##*/}")
    sanitize memcheck 100 "${programs[@]%_test_gpu}"
    sanitize racecheck 60 graph golden
    sanitize initcheck 60 graph golden
    sanitize synccheck 60 graph golden
  else
    verdicts+=("| compute-sanitizer | not installed | |")
  fi
  # Others' losses beside this one. What it needs may be missing, and then nothing has failed.
  seconds_left=$((deadline - SECONDS))
  if ! python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' > /dev/null 2>&1; then
    skip_compare='python3 has no PyTorch that uses the GPU'
  elif ((seconds_left < 90)); then
    skip_compare='no time was left'
  else
    skip_compare=
    run compare "$seconds_left" python3 bench/compare/compare.py --device cuda --out "$out" --budget 2 \
      --library "$build/bench/compare/libscc_compare.so" --time-limit $((seconds_left - 60)) || true
  fi
  if [[ -n $skip_compare ]]; then
    verdicts+=("| compare | not run: $skip_compare | |")
    echo "compare                  not run: $skip_compare"
  fi
fi

page=$out/$(tr -c 'A-Za-z0-9\n' '_' <<< "$gpu" | tr 'A-Z' 'a-z').md
{
  echo "# $gpu"
  echo
  echo "Written by \`bash tests/gpu.sh\` at commit $commit, $(date -u +%Y-%m-%d)."
  echo "Compute capability ${architecture%?}.${architecture: -1}, driver $driver, CUDA toolkit $toolkit."
  echo
  echo "| step | verdict | time |"
  echo "|---|---|---|"
  printf '%s\n' "${verdicts[@]}"
  if [[ -s $logs/tests.log ]]; then
    echo
    echo "Tests on the device: $(grep -E 'tests passed|No tests' "$logs/tests.log" || echo 'no closing line');" \
      "$(grep -c '\*\*\*Skipped' "$logs/tests.log" || true) skipped."
  fi
  if [[ -f $logs/memcheck.concepts ]]; then
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
    printf '\n```\n'
    grep -vE '^\*\*\*WARNING|^Running|Load Average' "$logs/benchmarks.log" || true
    echo '```'
  fi
} > "$page"
if ((keeps_logs)); then
  tar -czf "$out/gpu_logs.tar.gz" -C "$build" logs
fi
echo "results: $page"
exit "$failed"
