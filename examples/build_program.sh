# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
# shellcheck shell=bash

# To be sourced.

# build_program FOLDER TARGET [CMAKE OPTION...]: builds one target of this checkout in build/FOLDER. What CMake says is
# shown if it fails.
build_program() {
  local root build=$1 target=$2
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  build=$root/build/$build
  mkdir -p "$build"
  echo "Building $target ..."
  if ! {
    cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DSCC_BUILD_TESTS=OFF -DSCC_BUILD_BENCH=OFF "${@:3}"
    cmake --build "$build" --parallel "$(nproc)" --target "$target"
  } > "$build/build.log" 2>&1; then
    cat "$build/build.log" >&2
    echo "$target could not be built" >&2
    return 1
  fi
}
