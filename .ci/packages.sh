# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034

# To be sourced: installs what a script needs on Debian and Ubuntu.

# What every build needs, and what the parts need beyond it.
build_packages=(cmake make g++ libeigen3-dev)
test_packages=(catch2 python3)
example_packages=(libstb-dev libcairo2-dev zlib1g-dev fonts-dejavu-core libcli11-dev)
bench_packages=(libbenchmark-dev)
# For bench/compare, what the library is compared with, and the plot; for the operator of PyTorch, what compiles it.
compare_packages=(python3-torch python3-matplotlib python3-setuptools ninja-build)
clang_packages=(clang clang-format clang-tidy)
doc_packages=(doxygen codespell python3-venv)
# For the adapter and its example; not every release of Debian and Ubuntu has LibTorch.
# LibTorch multiplies matrices by the BLAS that is there: OpenBLAS trains CUT 7 times as fast as Debian's default.
libtorch_packages=(libtorch-dev libmatio-dev libgloo-dev libopenblas0-pthread)

# as_root COMMAND...
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

# require_packages NAME...: installs those packages that are missing, and says which. Asks for nothing when run as root.
require_packages() {
  if ! command -v apt-get > /dev/null; then
    echo "There is no apt-get here; if the build fails, install what these Debian packages hold: $*"
    return 0
  fi
  local name missing=()
  for name in "$@"; do
    # A compiler or CMake from elsewhere serves as well as the distribution's.
    if [[ $name =~ ^(cmake|make|g\+\+|clang|clang-format|clang-tidy|doxygen|codespell|python3)$ ]] && command -v "$name" > /dev/null; then
      continue
    fi
    if [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2> /dev/null) != installed ]]; then
      missing+=("$name")
    fi
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi
  echo "Installing missing packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" \
    > /dev/null
}

# require_packages_if_any NAME...: as require_packages, where the distribution has all of them; else says which it lacks.
require_packages_if_any() {
  local name
  # Without lists no package is known.
  if command -v apt-get > /dev/null && ! apt-cache show "$1" > /dev/null 2>&1; then
    as_root apt-get update -qq
  fi
  for name in "$@"; do
    if command -v apt-cache > /dev/null && ! apt-cache show "$name" > /dev/null 2>&1; then
      echo "This distribution has no package $name; what needs it is left out"
      return 0
    fi
  done
  require_packages "$@"
}
