#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
#
# Checks scc_pictures from the outside: that it writes whole pictures, that the numbers which docs/parameters.md quotes from
# it are those that it prints, and how it fails.
#   check.sh <path of scc_pictures> <path of scc_inspect>

set -euo pipefail

usage='usage: check.sh <path of scc_pictures> <path of scc_inspect>'
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
program=$(realpath "${1:?$usage}")
inspect=$(realpath "${2:?$usage}")
source "$here/../../examples/expectations.sh"
docs=$(realpath "$here/..")

# rejects <status> <text> <arguments...>: that exit status, that text on stderr, and nothing written.
rejects() {
  local expected=$1 text=$2
  shift 2
  run "$@"
  [ "$status" -eq "$expected" ] || fail "exit status $status instead of $expected: $*"
  grep -qF -e "$text" err.txt || fail "stderr does not say \"$text\": $*"
  [ -z "$(ls pictures)" ] || fail "wrote something all the same: $*"
}

# size_of <picture>: what the inspector, which refuses damaged files, reads in it.
size_of() { "$inspect" "$1" "$1" --repeat 1 | sed -n "s/^input  *$(basename "$1"), //p"; }

mkdir pictures
rejects 2 'A subcommand is required'
rejects 2 'FOLDER is required' parameters
rejects 2 'The following argument' parameters pictures pictures
rejects 2 'A subcommand is required' --frobnicate
rejects 1 "there is no folder 'absent'" parameters absent
rejects 2 '.png' steps pictures/steps.gif
run --help
[ "$status" -eq 0 ] || fail "--help ends with exit status $status"

# whole <picture> <size> <committed picture> <page>
whole() {
  expect "$1 is whole, $2" [ "$(size_of "$1")" == "$2" ]
  # Not all bytes: another compiler may round a pixel differently. The head has the size.
  expect "the committed $3 has that size, too" cmp -n 24 "$1" "$docs/$3"
  expect "the committed $3 has less than 200 kB" [ "$(wc -c < "$docs/$3")" -lt 200000 ]
  expect "$3 is shown by ${4##*/}" grep -qF "]($3)" "$4"
}

run steps steps.png
[ "$status" -eq 0 ] || fail "steps ends with exit status $status"
whole steps.png '1200 x 418, RGB' mathematics/steps.png "$docs/mathematics.md"
run masks masks.png
[ "$status" -eq 0 ] || fail "masks ends with exit status $status"
whole masks.png '754 x 678, RGB' pictures/masks.png "$docs/questions.md"

run parameters pictures
[ "$status" -eq 0 ] || fail "exit status $status"
[ ! -s err.txt ] || fail "something on stderr"
declare -A sizes=([scene]='602 x 326, RGB' [sigma]='1500 x 558, RGB' [lambda]='1500 x 558, RGB' [beta]='1500 x 558, RGB'
  [centres]='1500 x 558, RGB' [domain]='1500 x 558, RGB' [curves]='1500 x 512, RGB')
[ "$(find pictures -type f | wc -l)" -eq "${#sizes[@]}" ] || fail "wrote other files, too: $(ls pictures)"
for name in "${!sizes[@]}"; do
  whole "pictures/$name.png" "${sizes[$name]}" "parameters/$name.png" "$docs/parameters.md"
done

# The numbers of rSMI in the page have three digits after the point, up to the part about choosing, which has others.
quoted=$(sed '/^## Choosing/,$d' "$docs/parameters.md" | grep -oE -e '-?\b[0-9]\.[0-9]{3}\b' | sort -u)
[ "$(wc -l <<< "$quoted")" -gt 10 ] || fail "hardly a number was found in the page: the check is broken"
for number in $quoted; do
  expect "the page's $number is printed" grep -qE -e "(^|[ ,])${number//./\\.}($|[ ,])" out.txt
done

((failures == 0)) || exit 1
echo "all checks of scc_pictures passed"
