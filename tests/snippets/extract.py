#!/usr/bin/env python3
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT
"""Writes the code blocks of pages to files, for CMakeLists.txt to compile, configure and run. README.md has the rules.

    python3 extract.py FOLDER PAGE...       in the root of the repository

FOLDER/NEEDS/functions.cpp             the C++ blocks, a function each; NEEDS is cpu, gpu, libtorch or gpu_libtorch
FOLDER/NEEDS/PAGE_LINE.program.cpp     a C++ block with a main()
FOLDER/NEEDS/PAGE_LINE/CMakeLists.txt  a CMake block
FOLDER/cpu/PAGE.sh                     the shell blocks of a page
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

BLOCK = re.compile(
    r"(^ *<!-- snippet: (?P<mark>.*) -->\n)?^ *(?P<fence>`{3,}|~{3,})(?P<language>.*)\n(?P<code>(.*\n)*?) *(?P=fence) *$",
    re.MULTILINE,
)
INCLUDE = re.compile(r"^ *#include.*$", re.MULTILINE)
PROJECT = """cmake_minimum_required(VERSION 3.24)
project(consumer LANGUAGES CXX)
add_executable(trainer trainer.cpp)
"""


def needs_of(code):
    gpu = re.search(r"scc/gpu/|scc::gpu|scc_add_gpu_library", code)
    libtorch = re.search(r"torch::|scc::libtorch|scc/libtorch", code)
    return "_".join(name for name, found in (("gpu", gpu), ("libtorch", libtorch)) if found) or "cpu"


def extract(page, files, functions):
    """Adds the blocks of a page to the files, {path: text}, and to the functions, {needs: [code]}."""
    text = Path(page).read_text(encoding="utf-8")
    stem = re.sub(r"\W", "_", page.removesuffix(".md"))
    previous = {}  # the last cpp and cmake block, with what it continues
    blocks = list(BLOCK.finditer(text))
    if sum(block["mark"] is not None for block in blocks) != len(re.findall("^ *<!-- snippet:", text, re.MULTILINE)):
        sys.exit(f"{page}: a mark is not on the line before a block")
    for block in blocks:
        mark, language, code = block["mark"] or "", block["language"], block["code"]
        line = text.count("\n", 0, block.start("code")) + 1
        name = f"{stem}_{line}"
        is_python_page = page == "docs/pytorch.md"  # whose blocks tests/pytorch runs
        if language not in ("cpp", "cmake", "sh", "text", "json", "csv") + is_python_page * ("python",):
            sys.exit(f"{page}:{line - 1}: '{language}' is not a language of tests/snippets/README.md")
        if re.search(f"^ *{block['fence']}", code, re.MULTILINE):
            sys.exit(f"{page}:{line - 1}: this block is not closed")
        if not re.fullmatch("|continues|skip: .+", mark) or (mark == "continues" and language not in previous):
            sys.exit(f"{page}:{line - 2}: '{mark}' is not a mark of tests/snippets/README.md, or nothing is before it")
        if mark.startswith("skip"):
            continue
        if language == "sh":
            files[f"cpu/{stem}.sh"] = files.get(f"cpu/{stem}.sh", "") + code
            continue
        if language == "cpp":
            code = f'#line {line} "{page}"\n{code}'
        if mark == "continues":
            code = previous[language] + code
        previous[language] = code
        if language == "cmake":
            folder = f"{needs_of(code)}/{name}"
            files[f"{folder}/CMakeLists.txt"] = code if "project(" in code else PROJECT + code
            files[f"{folder}/trainer.cpp"] = "int main() {}\n"
        elif language == "cpp" and re.search(r"\bmain\(", code):
            files[f"{needs_of(code)}/{name}.program.cpp"] = code
        elif language == "cpp":
            functions[needs_of(code)].append(code)


def main(folder, pages):
    files, functions = {}, defaultdict(list)
    for page in pages:
        extract(page, files, functions)
    if not files or not functions:
        sys.exit("No code block was found: the extraction is broken")
    for needs, codes in functions.items():
        includes = dict.fromkeys(INCLUDE.findall("".join(codes)))
        bodies = [f"void snippet_{n}() {{\n{INCLUDE.sub('', code)}}}" for n, code in enumerate(codes)]
        files[f"{needs}/functions.cpp"] = "\n".join([*includes, '#include "surroundings.hpp"', *bodies, ""])
    for old in folder.rglob("*"):
        if old.is_file() and str(old.relative_to(folder)) not in files:
            old.unlink()
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:  # so that only what changed is compiled again
            file.write_text(text, encoding="utf-8")


main(Path(sys.argv[1]), sys.argv[2:])
