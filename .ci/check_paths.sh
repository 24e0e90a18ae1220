#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Every file of this repository that README.md or a page of docs/ names must exist.
set -euo pipefail
shopt -s nullglob

cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0
count=0
for page in README.md docs/*.md docs/*/*.md; do
  # Paths from the root, which may hold * as in tests/*_test.cpp; and the targets of links, relative to the page.
  while read -r kind path; do
    path=${path%%[.,:;]}
    if [[ $kind == link ]]; then
      candidate=$(dirname "$page")/$path
    else
      candidate=$path
    fi
    count=$((count + 1))
    # shellcheck disable=SC2206  # unquoted, so that * is expanded
    found=($candidate)
    if [[ ${#found[@]} -eq 0 || ! -e ${found[0]} ]]; then
      echo "$page names $path, which does not exist" >&2
      failed=1
    fi
  done < <(
    grep -oE '(^|[^A-Za-z0-9_./*<-])(include|cuda|examples|bench|tests|docs|cmake|\.ci)/[A-Za-z0-9_./*-]*' "$page" |
      sed -E 's/^[^A-Za-z.]//; s/^/path /' || true
    grep -oE '\]\([^)#]+' "$page" | sed -E 's/^\]\(/link /' | grep -vE '^link [a-z]+:' || true
  )
done
if ((count == 0)); then
  echo "no path was found in README.md or docs/: the check is broken" >&2
  exit 1
fi
echo "$count paths named in README.md and docs/ checked"
exit $failed
