#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Runs nvcc with --resource-usage: its report goes to a file, what else it says to stderr.
#   keep_resource_usage.sh REPORT COMPILER ARGUMENT...

set -euo pipefail

report=$1
shift
status=0
"$@" > "$report.all" 2>&1 || status=$?
grep -E '^ptxas info|bytes stack frame' "$report.all" > "$report" || true
grep -vE '^ptxas info|bytes stack frame' "$report.all" >&2 || true
rm "$report.all"
exit $status
