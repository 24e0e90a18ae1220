#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Makes the reference, HTML from the headers and the pages, by Doxygen:
#
#   bash docs/reference/make.sh [FOLDER]        into FOLDER/html, which is replaced; FOLDER is build/reference by default
#
# A warning of Doxygen is an error, and so is a link of the output that leads nowhere.
set -euo pipefail
shopt -s nullglob

folder=$(realpath --canonicalize-missing -- "${1:-$(dirname "${BASH_SOURCE[0]}")/../../build/reference}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if ! command -v doxygen > /dev/null; then
  echo "docs/reference/make.sh: there is no doxygen here (Debian: apt-get install doxygen)" >&2
  exit 2
fi
rm -rf "$folder"/{html,pages}
rm -f "$folder"/{files,warnings,wanted,anchors,links,missing}.txt
mkdir -p "$folder/pages" "$folder/html/files"

pages=(README.md docs/*.md docs/*/*.md {examples,bench,tests}/*/README.md)
touch "$folder/files.txt"
# Doxygen looks for images below these folders, which the root, with all that is built in it, must not be one of.
image_folders=(docs)
for page in "${pages[@]}"; do
  mkdir -p "$folder/pages/$(dirname "$page")"
  awk -v "page=$page" -v "pages=${pages[*]}" -v "files=$folder/files.txt" -f docs/reference/pages.awk "$page" \
    > "$folder/pages/$page"
done
sort -u "$folder/files.txt" | while read -r file; do
  mkdir -p "$folder/html/files/$(dirname "$file")"
  cp "$file" "$folder/html/files/$file"
done

version=$(sed -nE 's/#define SCC_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+).*/\2/p' include/scc/version.hpp | paste -sd .)
status=0
{
  cat docs/reference/Doxyfile
  echo "PROJECT_NUMBER = $version"
  echo "INPUT = include cuda docs/reference/namespaces.dox \"$folder/pages\""
  echo "STRIP_FROM_PATH = \"$folder/pages\" ."
  echo "STRIP_FROM_INC_PATH = include cuda"
  echo "IMAGE_PATH = ${image_folders[*]}"
  echo "USE_MDFILE_AS_MAINPAGE = \"$folder/pages/README.md\""
  echo "OUTPUT_DIRECTORY = \"$folder\""
} | doxygen - 2> "$folder/warnings.txt" || status=$?
if ((status != 0)) || [[ -s $folder/warnings.txt ]]; then
  cat "$folder/warnings.txt" >&2
  echo "docs/reference/make.sh: $(wc -l < "$folder/warnings.txt") lines of warnings, Doxygen's status $status" >&2
  exit 1
fi

# Links within the output: the file must be there, and the heading of a page.
cd "$folder/html"
touch "$folder/wanted.txt"
grep -oE '(id|name)="page_[^"]+"' ./*.html | sed -E 's|^\./([^:]*):[a-z]*="(.*)"$|\1#\2|' | sort -u > "$folder/anchors.txt"
grep -oE '(href|src)="[^"]+"' ./*.html | sed -E 's|^\./([^:]*):[a-z]*="(.*)"$|\1 \2|' | grep -vE ' (https?|mailto|javascript|data):' |
  sort -u > "$folder/links.txt"
count=0
while read -r page link; do
  file=${link%%#*}
  file=${file:-$page}
  count=$((count + 1))
  if [[ ! -e $file ]]; then
    echo "docs/reference/make.sh: $page links to $link, which is not there" >&2
    status=1
  elif [[ $link == *#page_* ]]; then
    echo "$file#${link#*#}" >> "$folder/wanted.txt"
  fi
done < "$folder/links.txt"
sort -u "$folder/wanted.txt" | comm -23 - "$folder/anchors.txt" > "$folder/missing.txt"
if [[ -s $folder/missing.txt ]]; then
  sed 's/^/docs\/reference\/make.sh: nothing is at /' "$folder/missing.txt" >&2
  status=1
fi
if ((count == 0)); then
  echo "docs/reference/make.sh: no link was found: the check is broken" >&2
  status=1
fi
echo "The reference is $folder/html/index.html; $count links, $(wc -l < "$folder/wanted.txt") of them to headings, checked"
exit $status
