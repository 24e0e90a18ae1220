# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

# To be sourced by the checks of scc_translate, whose path is their only argument.

set -euo pipefail

program=$(realpath "${1:?usage: ${0##*/} <path of scc_translate>}")
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
source "$here/../expectations.sh"
export OMP_NUM_THREADS=1

# ends <status> <arguments...>: that exit status, and nothing on stderr.
ends() {
  local expected=$1
  shift
  run "$@"
  [ "$status" -eq "$expected" ] || fail "exit status $status instead of $expected: $*"
  [ ! -s err.txt ] || fail "something on stderr: $*"
}

# rejects <status> <text> <arguments...>: that exit status, and one line on stderr with that text.
rejects() {
  local expected=$1 text=$2
  shift 2
  run "$@"
  [ "$status" -eq "$expected" ] || fail "exit status $status instead of $expected: $*"
  [ "$(wc -l < err.txt)" -eq 1 ] || fail "not exactly one line on stderr: $*"
  grep -q '^scc_translate: ' err.txt || fail "the line does not say who complains: $*"
  grep -qF -e "$text" err.txt || fail "the line does not say \"$text\": $*"
}

value() { sed -n "s/^$2 //p" "$1/result.txt"; }
# Times differ from run to run.
same_result() { diff <(grep -v '^milliseconds' "$1/result.txt") <(grep -v '^milliseconds' "$2/result.txt") > /dev/null; }
is_png() {
  [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] &&
    [ "$(tail -c 8 "$1" | head -c 4)" = IEND ]
}
is_svg() { grep -q '^<svg xmlns="http://www.w3.org/2000/svg"' "$1" && [ "$(tail -n 1 "$1")" = '</svg>' ]; }

# Few images and small networks, for many short trainings.
each=(--data made --train-images 200 --classifier classifiers --classifier-epochs 1 --no-training-score --batch 2 --width 4
  --discriminator-width 4 --residual-blocks 2 --evaluate-images 10 --iterations 4)
python3 "$here/make_data.py" made

finish() {
  if [ "$failures" -ne 0 ]; then
    echo "$failures checks of scc_translate failed"
    exit 1
  fi
  echo 'all checks of scc_translate passed'
}
