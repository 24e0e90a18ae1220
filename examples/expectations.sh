# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

# To be sourced by checks of an example's program from the outside. They set `program`, and work in a folder of their own,
# which goes when they end.

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
failures=0

fail() {
  echo "FAILED: $1"
  sed 's/^/  stdout: /' out.txt
  sed 's/^/  stderr: /' err.txt
  failures=$((failures + 1))
}

# expect <what> <command...>: the command must hold.
expect() {
  local what=$1
  shift
  "$@" || fail "$what"
}

# run <arguments...>: runs the program, keeps its outputs and its exit status.
run() {
  status=0
  "$program" "$@" > out.txt 2> err.txt < /dev/null || status=$?
}
