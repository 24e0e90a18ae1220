#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Runs the sh blocks of one page, in their order, in a copy of this repository:
#
#   bash tests/snippets/run_blocks.sh FOLDER BLOCK...      FOLDER is emptied, and holds the copy
set -euo pipefail
exec < /dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$1
shift
if (($# == 0)); then
  echo "tests/snippets/run_blocks.sh: no block was given" >&2
  exit 2
fi
rm -rf "$folder"
mkdir -p "$folder/scc"
cd "$root"
if git rev-parse --git-dir > /dev/null 2>&1; then
  # Files that were removed but are still known to git are not there to be copied.
  git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2> /dev/null |
    tar --create --files-from=- | tar --extract --directory="$folder/scc"
else
  tar --create --exclude=./build . | tar --extract --directory="$folder/scc"
fi
cd "$folder/scc"
for block in "$@"; do
  echo "=== $block"
  bash -euo pipefail "$block"
done
echo "$# blocks were run"
