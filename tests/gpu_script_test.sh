#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Checks tests/gpu.sh where there is no GPU: that it says so and stops, and, with stand-ins for the tools that it calls, which
# steps it takes and what it writes when they pass, fail or take too long.
#   gpu_script_test.sh

set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir -p "$place"/{tests,tools,out}
cp "$tests"/{gpu.sh,kernel_resources.sh} "$place/tests"
cd "$place"
failures=0

# expect WHAT COMMAND...: the command must hold.
expect() {
  local what=$1
  shift
  if ! "$@" > /dev/null; then
    echo "FAILED: $what"
    sed 's/^/  /' output.txt error.txt out/*.md 2> /dev/null || true
    failures=$((failures + 1))
  fi
}

# run ARGUMENT...: runs the script with the stand-ins first on the path.
run() {
  rm -rf build out/*
  status=0
  PATH=$place/tools:$PATH SCC_COMMIT=c0ffee bash tests/gpu.sh "$@" > output.txt 2> error.txt || status=$?
}

# tool NAME: a stand-in, with the body from standard input.
tool() {
  { echo '#!/usr/bin/env bash' && cat; } > "tools/$1"
  chmod +x "tools/$1"
}

tool git <<< 'exit 128'
tool nvidia-smi <<< 'exit 9'
run
expect 'without a GPU the status is 3' test "$status" -eq 3
expect 'without a GPU there is one line' test "$(cat output.txt error.txt | wc -l)" -eq 1
expect 'which says so' grep 'no NVIDIA GPU was found' error.txt
expect 'and nothing is built' test ! -e build

tool nvidia-smi << 'TEXT'
case $1 in
  *=name) echo 'NVIDIA Test 9000' ;;
  *=compute_cap) echo 9.0 ;;
  *=driver_version) echo 999.99 ;;
esac
TEXT
tool nvcc <<< 'echo "Cuda compilation tools, release 13.0, V13.0.88"'
tool ctest <<< 'echo "100% tests passed, 0 tests failed out of 7"'
tool compute-sanitizer << 'TEXT'
while (($# > 0)); do
  if [[ $1 == --log-file ]]; then
    echo '========= ERROR SUMMARY: 0 errors' > "$2"
  fi
  shift
done
TEXT
# Configures and builds: makes the programs that the script runs.
tool cmake << 'TEXT'
echo "cmake $*" >> calls.txt
mkdir -p build/gpu/{tests,examples,bench}
for program in tests/graph_test_gpu tests/golden_test_gpu examples/scc_device_buffers bench/gpu_bench; do
  echo 'echo "target/row 1.25 us"' > build/gpu/$program
  chmod +x build/gpu/$program
done
TEXT
# Has PyTorch, and writes a page.
tool python3 << 'TEXT'
echo "python3 $*" >> calls.txt
while (($# > 0)); do
  if [[ $1 == --out ]]; then
    touch "$2/compare-nvidia_test_9000.md"
  fi
  shift
done
TEXT
run --out out
page=out/nvidia_test_9000.md
expect 'where all passes the status is 0' test "$status" -eq 0
expect 'the build is for the device alone' grep 'CMAKE_CUDA_ARCHITECTURES=90-real' calls.txt
expect 'the page names the GPU' grep -x '# NVIDIA Test 9000' "$page"
expect 'and the commit' grep 'at commit c0ffee,' "$page"
expect 'and the versions' grep -x 'Compute capability 9.0, driver 999.99, CUDA toolkit 13.0.' "$page"
for step in configure build tests example benchmarks memcheck racecheck initcheck synccheck compare; do
  expect "$step passed" grep "^| $step | passed |" "$page"
done
expect 'the tests are counted' grep '100% tests passed, 0 tests failed out of 7; 0 skipped.' "$page"
expect 'each program has its summary' grep -x '| memcheck | golden | ERROR SUMMARY: 0 errors |' "$page"
expect 'the rows of the benchmarks are there' grep -x 'target/row 1.25 us' "$page"
expect 'the logs are kept' tar -tzf out/gpu_logs.tar.gz logs/tests.log
expect 'the comparison is on the GPU' grep -q '^python3 bench/compare/compare.py --device cuda --out out ' calls.txt
expect 'and writes its page' test -e out/compare-nvidia_test_9000.md

tool python3 <<< 'exit 1'
run --out out
expect 'without PyTorch the status is 0' test "$status" -eq 0
expect 'and the page says so' grep -x '| compare | not run: python3 has no PyTorch that uses the GPU | |' "$page"

tool ctest <<< 'echo "50% tests passed, 1 tests failed out of 2"; exit 8'
tool compute-sanitizer <<< 'exit 9'
run --out out
expect 'where a test fails the status is 1' test "$status" -eq 1
expect 'the page says so' grep '^| tests | FAILED (status 8) |' "$page"
expect 'and that a tool found something' grep '^| memcheck | FAILED' "$page"
expect 'a tool that says nothing has no summary' grep -x '| memcheck | golden | no summary |' "$page"
expect 'the other steps are done all the same' grep '^| benchmarks | passed |' "$page"

tool cmake <<< 'exit 1'
run --out out
expect 'where the build fails the status is 1' test "$status" -eq 1
expect 'and nothing else is run' test "$(grep -c '^| [a-z]* | .* s |$' "$page")" -eq 1

tool cmake <<< 'sleep 20'
sed -i 's/^deadline=.*/deadline=2/' tests/gpu.sh
run --out out
expect 'what takes too long is stopped' grep '^| configure | NOT DONE after [12] s |' "$page"

run --frobnicate
expect 'an unknown option is refused' test "$status" -eq 2

if ((failures > 0)); then
  echo "$failures checks of tests/gpu.sh failed"
  exit 1
fi
echo 'all checks of tests/gpu.sh passed'
