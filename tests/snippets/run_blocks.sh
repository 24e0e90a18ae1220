#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Runs the sh blocks of one page, in their order, in the root of this checkout:
#
#   bash tests/snippets/run_blocks.sh BLOCK...
#
# They may write into build/, as people do who follow the page; what they leave elsewhere is an error.
set -euo pipefail
exec < /dev/null

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if (($# == 0)); then
  echo "tests/snippets/run_blocks.sh: no block was given" >&2
  exit 2
fi
if ! git status > /dev/null 2>&1; then
  echo "no git here: what the blocks leave behind is not checked"
fi
print_changes() { git status --porcelain --untracked-files=all 2> /dev/null || true; }

before=$(print_changes)
for block in "$@"; do
  echo "=== $block"
  bash -euo pipefail "$block"
done
after=$(print_changes)
if [[ $before != "$after" ]]; then
  echo "the blocks changed the checkout, beside build/:" >&2
  diff <(echo "$before") <(echo "$after") | grep '^[<>]' >&2
  exit 1
fi
echo "$# blocks were run"
