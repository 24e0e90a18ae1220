# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
# shellcheck shell=bash

# To be sourced.

# find_python: prints the first Python that has PyTorch, of SCC_PYTHON alone if that is set; fails where there is none.
find_python() {
  local python candidates=(python3 /usr/bin/python3)
  if [[ -n ${SCC_PYTHON-} ]]; then
    candidates=("$SCC_PYTHON")
  fi
  for python in "${candidates[@]}"; do
    if "$python" -c 'import torch' 2> /dev/null; then
      echo "$python"
      return 0
    fi
  done
  return 1
}
