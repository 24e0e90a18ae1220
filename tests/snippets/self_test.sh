#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# shellcheck disable=SC2016  # backquotes are those of fences

# Pages with one defect each: the checks of pages and of their code blocks must fail, and name it.
#
#   bash tests/snippets/self_test.sh COMPILER FOLDER PREFIX EIGEN_DIR      FOLDER is emptied; the library is installed in PREFIX
set -euo pipefail
exec < /dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
compiler=$1 folder=$2 prefix=$3 eigen=$4
rm -rf "$folder"
mkdir -p "$folder/blocks"
page=$folder/page.md
cd "$root"

count=0
failed=0
# expect STATUS TEXT COMMAND...: the command must end so (0, or 1 for any failure), and say the text.
expect() {
  local wanted=$1 text=$2 status=0
  shift 2
  "$@" > "$folder/output.txt" 2>&1 || status=1
  count=$((count + 1))
  if ((status != wanted)); then
    echo "expected status $wanted, got $status: $*" >&2
    sed 's/^/    /' "$folder/output.txt" "$page" >&2
    failed=1
  fi
  expect_text "$text"
}

# expect_text TEXT: the last command must have said it, too.
expect_text() {
  count=$((count + 1))
  if [[ $(< "$folder/output.txt") != *"$1"* ]]; then
    echo "expected '$1', got" >&2
    sed 's/^/    /' "$folder/output.txt" "$page" >&2
    failed=1
  fi
}

# write_page TEXT [LANGUAGE CODE [DIRECTIVE]]: a page that is in order, but for what is given.
write_page() {
  {
    echo "# A page about \`examples/quickstart.cpp\`"
    echo "$1"
    if (($# > 3)); then echo "<!-- snippet: $4 -->"; fi
    if (($# > 1)); then printf '```%s\n%s\n```\n' "$2" "$3"; fi
    printf '```text\nx\n```\n'
  } > "$page"
}

check_pages() { bash .ci/check_pages.sh "$page"; }
# extract: the blocks of the page, into $folder/blocks.
extract() { awk -v "out=$folder/blocks" -f tests/snippets/extract.awk "$page"; }
compile() { "$compiler" -std=c++17 -fsyntax-only -Wall -Werror -Wno-unused-variable -Itests/snippets "$1"; }

# Names that nothing has must not be in this file either.
no=NOT_THERE
missing=not_there

# A page without a defect, then one with all of those that names and commands can have.
write_page "\`scc::cpu::Loss\`, \`Options::beta\`, \`workspace.rsmi()\`, \`--synthetic\`, \`SCC_BUILD_TESTS\`" sh \
  "bash examples/inspect/run.sh --synthetic  # a comment
cmake -S . -B build/x -DSCC_BUILD_TESTS=OFF && cmake --build build/x --target scc_quickstart
cmake --preset cpu" "checked: only here"
expect 0 "1 pages: 1 sh, 1 text," check_pages

write_page "\`tests/$missing.sh\`, [there]($missing.md), \`SCC_$no\`, \`scc::cpu::$missing\`, \`Options::$missing\`,
\`workspace.$missing()\`, \`--$missing\`, \`scc_inspect --synthetic --$missing\`" sh \
  "bash tests/run.sh --$missing
bash examples/$missing.sh
scc_$missing --help
echo a && $missing b
cmake --build build --target cpp_$missing
cmake --preset $missing
cmake -S . -B build -DSCC_$no=ON -DCMAKE_$no=ON
ctest \\
  --$missing" "checked: only here"
expect 1 "names tests/$missing.sh, which does not exist" check_pages
expect_text "names $missing.md, which does not exist"
expect_text "names SCC_$no, which does not exist"
expect_text "page.md:2 names scc::cpu::$missing, which no header has"
expect_text "page.md:2 names Options::$missing, which no header has"
expect_text "page.md:3 names workspace.$missing(), which no header has"
expect_text "page.md:3: no program or script has the option --$missing"
expect_text "page.md:3: scc_inspect has no option --$missing"
expect_text "page.md:6: tests/run.sh has no option --$missing"
expect_text "page.md:7: there is no script examples/$missing.sh"
expect_text "page.md:8: scc_$missing is no program"
expect_text "page.md:9: $missing is no program"
expect_text "page.md:10: there is no target cpp_$missing"
expect_text "page.md:11: there is no preset $missing"
expect_text "page.md:12: CMake has no option SCC_$no"
expect_text "page.md:12: CMake has no variable CMAKE_$no"
expect_text "page.md:13: ctest has no option --$missing"

# One of each kind alone is enough.
for text in "\`tests/$missing.sh\`" "\`SCC_$no\`" "\`Options::$missing\`" "\`--$missing\`"; do
  write_page "$text"
  expect 1 "page.md" check_pages
done
write_page "" sh "bash tests/run.sh --$missing"
expect 1 "page.md:4: tests/run.sh has no option --$missing" check_pages

# The convention of code blocks.
write_page "" "" "x"
expect 1 "page.md:3: a fence without a language" check_pages
write_page "" python "x"
expect 1 "page.md:3: the language 'python'" extract
write_page "" sh "true" "checked:"
expect 1 "page.md:3: checked needs a reason" extract
write_page "" cpp "int a;" "with $missing"
expect 1 "page.md:3: the directive says with $missing" extract
write_page "" cpp "int a;" "$missing"
expect 1 "page.md:3: '$missing' is no directive" extract
write_page "" cpp "int a;" "continues"
expect 1 "page.md:3: there is no cpp block" extract
write_page "" cpp "int main() {}"
expect 1 "page.md:4: has a main()" extract
write_page "<!-- snippet: continues -->
"
expect 1 "page.md:2: no fence follows" extract
echo "no block" > "$page"
expect 1 "no page has a fenced block" extract

# C++: several blocks in one unit, errors with the line of the page.
write_page "" cpp "#include <vector>
std::vector<float const*> const all{x};" "with images"
printf '<!-- snippet: continues -->\n```cpp\nauto const size = all.size();\n```\n```cpp\nint size = 1;\n```\n' >> "$page"
expect 0 "$page" extract
expect 0 "" compile "$folder/blocks/cpu.cpp"
sed -i 's/= all.size()/= all.missing()/' "$page"
expect 0 "$page" extract
expect 1 "page.md:13:" compile "$folder/blocks/cpu.cpp"
write_page "" cpp "int f() { }" "file"
expect 0 "$page" extract
expect 1 "page.md:5:" compile "$folder/blocks/1.cpp"
write_page "" cpp "int main() { return 0; }" "file"
expect 0 "cpp 1 $page 5 cpu file program" extract
expect 0 "" compile "$folder/blocks/1.cpp"

# sh, in a checkout of nothing else: what a block leaves in build/ does no harm.
checkout=$folder/checkout
mkdir -p "$checkout/tests/snippets" "$checkout/build"
cp tests/snippets/run_blocks.sh "$checkout/tests/snippets"
echo /build/ > "$checkout/.gitignore"
run_blocks() { bash "$checkout/tests/snippets/run_blocks.sh" "$folder/blocks/1.sh"; }
write_page "" sh "test -f .gitignore
echo left > build/left.txt"
expect 0 "$page" extract
expect 0 "1 blocks were run" run_blocks
write_page "" sh "false
true"
expect 0 "$page" extract
expect 1 "=== " run_blocks
if git init -q "$checkout" 2> /dev/null; then
  write_page "" sh "echo left > left.txt"
  expect 0 "$page" extract
  expect 1 "> ?? left.txt" run_blocks
fi

# CMake.
if [[ -d $prefix ]]; then
  configure() {
    cmake -D "BLOCK=$folder/blocks/1.cmake" -D "SOURCE=$root" -D "FOLDER=$folder/project" -D "PREFIX=$prefix" \
      -D "GENERATOR=Unix Makefiles" -D "OPTIONS=-DCMAKE_CXX_COMPILER=$compiler;-DEigen3_DIR=$eigen" \
      -P tests/snippets/configure_block.cmake
  }
  write_page "" cmake "find_package(scc REQUIRED)
target_link_libraries(trainer PRIVATE scc::scc)"
  expect 0 "cmake 1" extract
  expect 0 "Generating done" configure
  write_page "" cmake "target_link_libraries(trainer PRIVATE scc::$missing)"
  expect 0 "cmake 1" extract
  expect 1 "scc::$missing" configure
fi

if ((failed)); then
  exit 1
fi
echo "$count expectations were met"
