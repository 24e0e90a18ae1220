#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Makes the reference, HTML from the headers and the pages, by Doxygen:
#
#   bash docs/reference/make.sh [FOLDER]        into FOLDER/html; FOLDER, build/reference by default, is emptied
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
rm -rf "$folder"
mkdir -p "$folder/pages" "$folder/html/files"

pages=(README.md docs/*.md docs/*/*.md {examples,bench,tests}/*/README.md)
touch "$folder/files.txt"
image_folders=()
for page in "${pages[@]}"; do
  mkdir -p "$folder/pages/$(dirname "$page")"
  awk -v "page=$page" -v "pages=${pages[*]}" -v "files=$folder/files.txt" -f docs/reference/pages.awk "$page" \
    > "$folder/pages/$page"
  image_folders+=("$(dirname "$page")")
done
sort -u "$folder/files.txt" | while read -r file; do
  mkdir -p "$folder/html/files/$(dirname "$file")"
  cp "$file" "$folder/html/files/$file"
done

version=$(sed -nE 's/#define SCC_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+)/\2/p' include/scc/version.hpp | paste -sd .)
status=0
{
  cat docs/reference/Doxyfile
  echo "PROJECT_NUMBER = $version"
  echo "INPUT = include cuda \"$folder/pages\""
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
