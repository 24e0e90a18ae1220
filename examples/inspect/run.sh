#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Builds scc_inspect, installing what is missing, and runs it: on the arguments if there are any (scc_inspect --help lists
# them), else on a photograph and its translation if they are there, else on its built-in scene.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/.ci/packages.sh"
source "$root/examples/build_program.sh"
require_packages "${build_packages[@]}" "${example_packages[@]}"

build_program inspect scc_inspect -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON
inspect=$root/build/inspect/examples/scc_inspect

if (($# > 0)); then
  exec "$inspect" "$@"
fi

images=$root/../shared/data/images
picture=$root/build/scc_report.png
if [[ -f $images/astronaut.png && -f $images/astronaut_night.png ]]; then
  echo "Inspecting a real pair: astronaut.png and its translation to night, from shared/data/images beside the checkout"
  "$inspect" "$images/astronaut.png" "$images/astronaut_night.png" --out "$picture"
else
  echo "Inspecting the built-in synthetic scene, as there is no ../shared/data/images beside this checkout." \
    "For your own pair: bash examples/inspect/run.sh INPUT TRANSLATION"
  "$inspect" --synthetic --out "$picture"
fi
echo "The picture is build/scc_report.png in the checkout."
