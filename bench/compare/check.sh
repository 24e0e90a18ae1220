#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Checks the comparison from the outside, on small images: the page that it writes, that its self tests can fail, and
# what it refuses. Exit status 77, skipped, where no Python has PyTorch.
#   check.sh <path of libscc_compare.so>

set -euo pipefail

SCC_COMPARE_LIBRARY=$(realpath "${1:?usage: check.sh <path of libscc_compare.so>}")
export SCC_COMPARE_LIBRARY
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
root=$(realpath "$here/../..")
source "$root/examples/expectations.sh"

program=$here/run.sh
run --quick --threads 1 --out out
if ((status == 77)); then
  cat err.txt
  exit 77
fi
expect 'the quick run succeeds' test "$status" -eq 0
expect 'the self tests are done' grep -q '^On the golden cases .* agree' out.txt
expect 'there is one page' test "$(find out -name 'compare-*.md' | wc -l)" -eq 1
page=$(find out -name 'compare-*.md')
for row in '\*\*scc\*\*' 'published formulation (PyTorch, eager)' 'factorised (PyTorch, eager)' 'floor: a copy'; do
  expect "the table has a row of $row" grep -q "^| $row" "$page"
done
# Columns 9 and 10 are the errors of rSMI and of the gradient.
expect 'the errors of scc, without and with a mask, are small' awk -F'|' '
  $2 ~ /scc/ && NF == 12 { rows += 1; if (!($10 + 0 < 1e-6 && $11 + 0 < 1e-4 && $10 + $11 > 0)) { exit failed = 1 } }
  END { exit failed || rows != 2 }' "$page"
expect 'no number is missing' test "$(grep -ci '\bnan\b\|\binf\b' "$page")" -eq 0
expect 'the series has both sizes' test "$(grep -c '^| 1 x 3 x \(16 x 16\|32 x 32\) |' "$page")" -eq 2
expect 'the command is named' grep -qx 'bash bench/compare/run.sh --quick --threads 1 --out out' "$page"
expect 'the page shows the plot, or the run says why not' \
  grep -q '^!\[.*](compare-.*\.png)\|no plot, as matplotlib cannot be imported' "$page" out.txt

# The plot is a PNG in colour: it serves as a photograph.
mkdir photographs
if mv "${page%.md}.png" photographs/ 2> err.txt; then
  run --quick --threads 1 --series --methods copy --images photographs --out of_photographs
  expect 'photographs are measured' test "$status" -eq 0
  expect 'which is said' grep -q 'Images: photographs\.' of_photographs/compare-*.md
fi
run --quick --images absent --out refused
expect 'a folder of photographs must be there' test "$status" -ne 0

# A copy beside golden values of which one is off in the seventh digit.
mkdir -p copy/tests/data copy/bench copy/examples
cp -r "$here" copy/bench/compare
cp "$root/examples/find_pytorch.sh" copy/examples
cp "$root"/tests/data/{g2_colour_map,g4_batch,r2_colour_map}.golden copy/tests/data
awk '$1 == "rsmi" { $2 = sprintf("%.17g", $2 * 1.000001) } { print }' "$root/tests/data/g2_colour_map.golden" \
  > copy/tests/data/g2_colour_map.golden
program=copy/bench/compare/run.sh
run --quick --out refused
expect 'a wrong golden value is noticed' test "$status" -ne 0
expect 'which is said' grep -q 'self test of the published formulation on g2_colour_map: rSMI is off by 1.*e-07' err.txt

# rejects TEXT ARGUMENT...: exit status 2, and a last line with that text.
program=$here/run.sh
rejects() {
  run --out refused "${@:2}"
  expect "status 2: ${*:2}" test "$status" -eq 2
  expect "\"$1\": ${*:2}" grep -qF -e "$1" err.txt
}
rejects 'unrecognized arguments: --frobnicate' --frobnicate
rejects "'1x4x8x8' is not a shape like 16x3x256x256" --sizes 1x4x8x8
rejects "'0' is not a number above 0" --threads 0
rejects "there is no method 'vae', only published," --methods vae
rejects "invalid choice: 'tpu'" --device tpu
expect 'and nothing is written' test ! -e refused

if ((failures > 0)); then
  echo "$failures checks of the comparison failed"
  exit 1
fi
echo 'all checks of the comparison passed'
