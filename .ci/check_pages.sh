#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# What the pages name must exist: files, CMake options and macros, names of the library (their words must stand in one
# header), programs, scripts and their options. Code blocks must be as tests/snippets/README.md has it.
#
#   bash .ci/check_pages.sh [PAGE...]       without pages all of them
#
# Options of a program count if its --help has them, where the program is on the PATH; else if its sources do.
set -euo pipefail
shopt -s nullglob

if (($# > 0)); then
  mapfile -t pages < <(realpath -- "$@")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
is_whole=$(($# == 0))
if ((is_whole)); then
  pages=(README.md docs/*.md docs/*/*.md {examples,bench,tests}/*/README.md)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/blocks" "$work/options"

failed=0
complain() {
  echo "$1" >&2
  failed=1
}

# ---------------------------------------------------------------------------------------------------------- files

# Paths from the root, which may hold * as in tests/*_test.cpp; and the targets of links, relative to the page.
path_count=0
check_paths() {
  local page=$1 kind path candidate found
  while read -r kind path; do
    path=${path%%[.,:;]}
    if [[ $kind == link ]]; then
      candidate=$(dirname "$page")/$path
    else
      candidate=$path
    fi
    path_count=$((path_count + 1))
    # shellcheck disable=SC2206  # unquoted, so that * is expanded
    found=($candidate)
    if [[ ${#found[@]} -eq 0 || ! -e ${found[0]} ]]; then
      complain "$page names $path, which does not exist"
    fi
  done < <(
    grep -oE '(^|[^A-Za-z0-9_./*<-])(include|cuda|examples|bench|tests|docs|cmake|\.ci)/[A-Za-z0-9_./*-]*' "$page" |
      sed -E 's/^[^A-Za-z.]//; s/^/path /' || true
    grep -oE '\]\([^)#]+' "$page" | sed -E 's/^\]\(/link /' | grep -vE '^link [a-z]+:' || true
  )
}

# ---------------------------------------------------------------------------------------- names of the library

mapfile -t cmake_files < <(find CMakeLists.txt cmake tests examples bench -name CMakeLists.txt -o -name '*.cmake*')
mapfile -t headers < <(find include cuda -name '*.hpp' -o -name '*.cuh' -o -name '*.cu')

# CMake options, macros and environment variables, SCC_...; one that ends in _ stands for all that begin with it.
grep -rohE --include='*' --exclude='*.md' '\bSCC_[A-Z0-9_]+' include cuda cmake examples bench tests .ci CMakeLists.txt \
  CMakePresets.json | sort -u > "$work/macros"
macro_count=0
check_macros() {
  local page=$1 name
  while read -r name; do
    macro_count=$((macro_count + 1))
    if [[ $name == *_ ]]; then
      grep -q "^$name" "$work/macros" || complain "$page names $name*, and nothing is called so"
    else
      grep -qx "$name" "$work/macros" || complain "$page names $name, which does not exist"
    fi
  done < <(grep -ohE '\bSCC_[A-Z0-9_]+' "$page" | sort -u)
}

# Prints PAGE:LINE and the text of each piece of code within a line of text.
print_spans() {
  awk '
    match($0, /^ *```+/) {
      if (!in_block) { in_block = RLENGTH; next }
      if (RLENGTH >= in_block && $0 ~ /^ *`+ *$/) in_block = 0
      next
    }
    in_block { next }
    {
      line = $0
      while (match(line, /`[^`]+`/)) {
        print FILENAME ":" FNR "\t" substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, RSTART + RLENGTH)
      }
    }' "$@"
}
print_spans "${pages[@]}" > "$work/spans"

# Qualified names, and calls of members of the objects that the pages have: a header must have all parts of the name,
# other than in comments.
check_names() {
  grep -ohE '\bscc::(scc|libtorch)\b' "${cmake_files[@]}" | sort -u > "$work/targets"
  awk -v spans="$work/spans" -v targets="$work/targets" '
    function require(place, name, parts,    count, part, i, file, has_all) {
      ++checked
      if (name in is_target) return
      count = split(parts, part, " ")
      for (file in is_file) {
        has_all = 1
        for (i = 1; i <= count && has_all; ++i) has_all = (file, part[i]) in has_word
        if (has_all) return
      }
      print place " names " name ", which no header has" > "/dev/stderr"
      failed = 1
    }
    {
      is_file[FILENAME] = 1
      sub(/\/\/.*/, "")
      count = split($0, word, /[^A-Za-z0-9_]+/)
      for (i = 1; i <= count; ++i) has_word[FILENAME, word[i]] = 1
    }
    END {
      while ((getline name < targets) > 0) is_target[name] = 1
      while ((getline line < spans) > 0) {
        place = line
        sub(/\t.*/, "", place)
        sub(/^[^\t]*\t/, "", line)
        rest = line
        while (match(rest, /[A-Za-z_][A-Za-z0-9_]*(::~?[A-Za-z_][A-Za-z0-9_]*)+/)) {
          name = substr(rest, RSTART, RLENGTH)
          rest = substr(rest, RSTART + RLENGTH)
          if (name ~ /^(std|snippets|Eigen|Eigen3|torch|at|c10|cub|OpenMP|CUDA|ZLIB|Catch2|benchmark)::/) continue
          parts = name
          sub(/^scc::/, "", parts)
          gsub(/::/, " ", parts)
          require(place, name, parts)
        }
        if (line ~ /^(loss|workspace|plan|scc|scc_loss|options|view|selection|validation|folds)\./) {
          rest = line
          while (match(rest, /\.[a-z_]+\(/)) {
            require(place, line, substr(rest, RSTART + 1, RLENGTH - 2))
            rest = substr(rest, RSTART + RLENGTH)
          }
        }
      }
      print checked + 0
      exit failed
    }' "${headers[@]}"
}

# --------------------------------------------------------------------------------------- commands and their options

# All words --option of a text.
print_options() { grep -oE '(^|[^A-Za-z0-9_-])--[a-z][a-z0-9_-]*' | sed -E 's/^[^-]*//' | sort -u || true; }

cat "${cmake_files[@]}" | tr -s '\n ' ' ' > "$work/cmake"
is_target() {
  grep -qE "(add_executable|add_library|add_custom_target|scc_add_gpu_library)\( ?$1\b" "$work/cmake" ||
    [[ -f bench/$1.cpp || ($1 == *_test && -f tests/$1.cpp) ]]
}

# The script that a word names, by its path or by its name alone.
script_of() {
  local found
  if [[ -f $1 ]]; then
    echo "$1"
  elif [[ $1 == *.sh && $1 != */* ]]; then
    found=({examples,bench,tests}/*/"$1" {tests,.ci}/"$1")
    echo "${found[0]-}"
  fi
}

# print_program_options NAME: of one of our programs.
print_program_options() {
  local name=$1 file
  local sources=()
  for file in "${cmake_files[@]}"; do
    if grep -qE "add_executable\($name\b" "$file"; then
      sources+=("$(dirname "$file")"/{,"${name#scc_}/"}*.cpp)
    fi
  done
  if [[ -f bench/$name.cpp ]]; then
    sources+=("bench/$name.cpp")
  fi
  # One without --help may do anything with it, its whole work for one.
  if command -v "$name" > /dev/null && grep -qe --help /dev/null "${sources[@]}" && "$name" --help > "$work/help" 2>&1; then
    print_options < "$work/help"
    return
  fi
  cat /dev/null "${sources[@]}" | print_options
  if [[ $name == *_bench ]]; then
    printf -- '--benchmark_%s\n' filter repetitions report_aggregates_only display_aggregates_only min_time list_tests \
      out out_format
  fi
}

# print_script_options SCRIPT: those of its --help, and of the program beside it, which it passes options on to: one of
# ours, or in Python.
print_script_options() {
  local program
  cat /dev/null "$(dirname "$1")"/*.py | print_options
  if grep -qE -- '(-h \| --help|--help \| -h)\)' "$1"; then
    bash "$1" --help | print_options
  fi
  program=scc_$(basename "$(dirname "$1")")
  if is_target "$program"; then
    print_program_options "$program"
  fi
}

# options_file WORD: the file that has the options of the command WORD; none if it is not known.
options_file() {
  local name=${1##*/} file script
  file=$work/options/${1//\//,}
  if [[ ! -f $file ]]; then
    script=$(script_of "$1")
    if [[ -n $script ]]; then
      print_script_options "$script" > "$file"
    elif is_target "$name" && [[ $1 == "$name" || $1 == build/* || $1 == */build/* ]]; then
      print_program_options "$name" > "$file"
    elif [[ $1 == cmake ]]; then
      (cmake --help; cmake --build; cmake --install) 2>&1 | print_options > "$file" || true
    elif [[ $1 == ctest ]]; then
      ctest --help | print_options > "$file"
    else
      return 0
    fi
  fi
  echo "$file"
}

# What other commands the pages may use, and those of their options that they do use.
known_commands='apt-get|bash|c\+\+|cat|cd|clang\+\+|cmake|compute-sanitizer|cp|ctest|doxygen|echo|env|export|find|g\+\+|git|head|ls|mkdir|ncu|nsys|nvcc|nvidia-smi|pip|python3|rm|sed|set|source|tail|tar|test|time|wc|xdg-open'
other_options='--tool|--yes|--depth|--branch|--upgrade|--index-url|--recursive|--threads|--resource-usage|--help|--version'

# check_options PLACE COMMAND WORD...: the options among the words.
option_count=0
check_options() {
  local place=$1 command=$2 file word all=0
  shift 2
  file=$(options_file "$command")
  if [[ -z $file ]]; then
    # No command in particular: any of ours will do.
    file=$work/options/all
    all=1
  fi
  for word in "$@"; do
    if [[ $word =~ ^(--[a-z][a-z0-9_-]*) ]]; then
      word=${BASH_REMATCH[1]}
      option_count=$((option_count + 1))
      if ! grep -qxe "$word" "$file" && ! [[ $word =~ ^($other_options)$ ]]; then
        if ((all)); then
          complain "$place: no program or script has the option $word"
        else
          complain "$place: $command has no option $word"
        fi
      fi
    fi
  done
}

cmake --help-variable-list | sed -E 's/<[A-Za-z]+>/[A-Za-z0-9]+/g' > "$work/variables"
# check_cmake PLACE WORD...: variables, presets and targets.
check_cmake() {
  local place=$1 is_target_list=0 previous='' word name
  shift
  for word in "$@"; do
    name=''
    if [[ $word =~ ^-D([A-Za-z0-9_]+) ]]; then
      name=${BASH_REMATCH[1]}
    elif [[ $previous == -D && $word =~ ^([A-Za-z0-9_]+) ]]; then
      name=${BASH_REMATCH[1]}
    fi
    if [[ $name == SCC_* ]]; then
      grep -qE "(option|set)\($name\b" "${cmake_files[@]}" || complain "$place: CMake has no option $name"
    elif [[ $name == CMAKE_* ]]; then
      grep -qxEf "$work/variables" <<< "$name" || complain "$place: CMake has no variable $name"
    fi
    if [[ $word == -* ]]; then
      is_target_list=0
    fi
    if [[ $previous == --preset || $word == --preset=* ]]; then
      name=${word#--preset=}
      grep -qE "\"name\": \"$name\"" CMakePresets.json || complain "$place: there is no preset $name"
    fi
    if ((is_target_list)) && ! is_target "$word"; then
      complain "$place: there is no target $word"
    fi
    if [[ $word == --target || $word == -t ]]; then
      is_target_list=1
    fi
    previous=$word
  done
}

# check_command PLACE WORD...: one simple command.
command_count=0
check_command() {
  local place=$1 command
  shift
  while (($# > 0)) && [[ $1 =~ ^(do|then|else|if|while|until|!|sudo|time|env|[A-Za-z_][A-Za-z0-9_]*=.*)$ ]]; do
    shift
  done
  if (($# == 0)) || [[ $1 =~ ^(for|done|fi|esac|case|\{|\})$ ]]; then
    return 0
  fi
  command_count=$((command_count + 1))
  if [[ $1 == bash && ${2-} != -* && $# -gt 1 ]]; then
    shift
    if [[ ! -f $1 && $1 != build/* ]]; then
      complain "$place: there is no script $1"
      return 0
    fi
  fi
  command=$1
  shift
  if [[ -z $(options_file "$command") ]] && ! [[ $command =~ ^($known_commands)$ ]]; then
    complain "$place: $command is no program or script of this repository, and no command that $0 knows"
    return 0
  fi
  check_options "$place" "$command" "$@"
  if [[ $command == cmake || $command == ctest ]]; then
    check_cmake "$place" "$@"
  fi
}

# ------------------------------------------------------------------------------------------------------- all of it

awk -v "out=$work/blocks" -f tests/snippets/extract.awk "${pages[@]}" > "$work/list" || failed=1
for page in "${pages[@]}"; do
  check_paths "$page"
  check_macros "$page"
done
name_count=$(check_names) || failed=1

options_file cmake > /dev/null
options_file ctest > /dev/null
for file in {examples,bench,tests}/*/*.sh tests/*.sh; do
  options_file "$file" > /dev/null
done
for program in $(grep -ohE 'add_executable\(scc_[a-z_]+' "${cmake_files[@]}" | sed 's/.*(//' | sort -u) loss_bench; do
  options_file "$program" > /dev/null
done
cat "$work/options"/* | sort -u > "$work/all"
mv "$work/all" "$work/options/all"

while read -r language number page line _; do
  if [[ $language == sh ]]; then
    while IFS=$'\t' read -ra words; do
      check_command "${words[@]}"
    done < <(awk -v "place=$page" -v "first=$line" -f .ci/commands.awk "$work/blocks/$number.sh")
  fi
done < "$work/list"
while IFS=$'\t' read -r place span; do
  if [[ $span =~ (^|[^A-Za-z0-9_-])(--[a-z]|-D[A-Z]) ]]; then
    read -ra words <<< "$span"
    if [[ ${words[0]} == bash && ${#words[@]} -gt 1 ]]; then
      words=("${words[@]:1}")
    fi
    check_options "$place" "${words[0]}" "${words[@]}"
    check_cmake "$place" "${words[@]}"
  fi
done < <(tr -d '[]|,' < "$work/spans")

if ((is_whole)) && ((path_count * macro_count * name_count * command_count * option_count == 0)); then
  complain "no page names a file, a macro, a name, a command or an option: the check is broken"
fi
echo "${#pages[@]} pages: $(cut -d ' ' -f 1 "$work/list" | sort | uniq -c | sed -E 's/ *([0-9]+) (.*)/\1 \2,/' | tr '\n' ' ')" \
  "$path_count paths, $macro_count macros, $name_count names, $command_count commands and $option_count options checked"
exit $failed
