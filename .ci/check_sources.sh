#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# What every source file must have, and clang-format. Files that git ignores are not looked at.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0
complain() {
  echo "$1" >&2
  failed=1
}

list() { git ls-files --cached --others --exclude-standard -- "$@"; }
mapfile -t code < <(list '*.cpp' '*.hpp' '*.cu' '*.cuh')
mapfile -t other < <(list '*.sh' '*.cmake' '*.cmake.in' '*CMakeLists.txt' '*.py' '*.dox' '*Doxyfile' '.ci/run')
for file in "${code[@]}" "${other[@]}"; do
  header=$(head -n 3 "$file")
  if ! [[ $header == *"SPDX-FileCopyrightText: The scc authors"*"SPDX-License-Identifier: MIT"* ]]; then
    complain "$file does not start with the two SPDX lines"
  fi
done
for file in "${code[@]}"; do
  if [[ $file =~ \.(hpp|cuh)$ ]] && ! grep -q '^#pragma once$' "$file"; then
    complain "$file has no #pragma once"
  fi
done
if ((${#code[@]} == 0)); then
  complain "no source file was found"
fi
# Other versions format otherwise.
formatter=$(command -v clang-format-14 || command -v clang-format) || {
  echo "There is no clang-format" >&2
  exit 1
}
if [[ $("$formatter" --version) == *" 14."* ]]; then
  "$formatter" --dry-run -Werror "${code[@]}" || complain "clang-format would change the files above"
else
  echo "Formatting was not checked: it needs clang-format 14, this is $("$formatter" --version)" >&2
fi
echo "${#code[@]} sources and ${#other[@]} scripts checked"
exit $failed
