#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Makes the packages of Conan and of Debian, and builds tests/package/consumer with each. It installs Debian
# packages that are missing, and Conan. Root, or sudo, is needed to install and remove the Debian package.
set -eEuo pipefail
trap 'echo "packaging/check.sh: line ${BASH_LINENO[0]:-$LINENO} failed: $BASH_COMMAND" >&2' ERR

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source .ci/packages.sh
require_packages "${build_packages[@]}" python3-venv
work=$root/build/packaging
consumer=$root/tests/package/consumer
rm -rf "$work"
mkdir -p "$work"

echo "--- Debian"
cmake -S . -B "$work/deb" -DSCC_BUILD_TESTS=OFF -DSCC_BUILD_EXAMPLES=OFF -DSCC_BUILD_BENCH=OFF > /dev/null
cpack -G DEB --config "$work/deb/CPackConfig.cmake" -B "$work" > /dev/null
package=$(ls "$work"/*.deb)
version=$(dpkg-deb --field "$package" Version)
[[ $(dpkg-deb --field "$package" Architecture) == all ]]
trap 'as_root dpkg --remove libscc-dev > /dev/null' EXIT
as_root dpkg --install "$package" > /dev/null
cmake -S "$consumer" -B "$work/deb_consumer" -DSCC_WAY=find_package -DSCC_VERSION="$version" > /dev/null
grep -q '^scc_DIR:PATH=/usr/share/cmake/scc$' "$work/deb_consumer/CMakeCache.txt"
cmake --build "$work/deb_consumer" > /dev/null
"$work/deb_consumer/consumer"
trap - EXIT
as_root dpkg --remove libscc-dev > /dev/null
if [[ -e /usr/share/cmake/scc || -e /usr/include/scc || -e /usr/share/doc/scc ]]; then
  echo "packaging/check.sh: the Debian package leaves files behind" >&2
  exit 1
fi
echo "$(basename "$package"): made, installed, used and removed"

echo "--- Conan"
conan=$root/build/tools/bin/conan
if [[ $("$conan" --version 2> /dev/null) != "Conan version 2.34.0" ]]; then
  python3 -m venv build/tools
  build/tools/bin/pip install --quiet conan==2.34.0
fi
export CONAN_HOME=$work/conan
log=$work/conan.log
"$conan" profile detect > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
printf '[platform_requires]\neigen/3.4.0\n' >> "$CONAN_HOME/profiles/default"
if ! "$conan" create packaging/conan --no-remote -c "tools.cmake.cmake_layout:test_folder=$work/conan_test" > "$log" 2>&1; then
  tail -n 40 "$log" >&2
  exit 1
fi
"$conan" list 'scc/*' 2> /dev/null | grep -o 'scc/[0-9.]*' | sort -u | sed 's/$/: made and used/'
