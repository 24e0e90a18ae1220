# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
# shellcheck shell=bash

# To be sourced: sets `python` to one that has PyTorch; SCC_PYTHON names it. Exit status 77: there is none.

for python in ${SCC_PYTHON:-python3 /usr/bin/python3} ''; do
  if [[ -z $python ]]; then
    echo "${SCC_PYTHON:-python3} has no PyTorch: install Debian's python3-torch, or 'pip install torch' in a virtual" \
      "environment; SCC_PYTHON names its Python" >&2
    exit 77
  fi
  if "$python" -c 'import torch' 2> /dev/null; then
    break
  fi
done
