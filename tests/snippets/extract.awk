# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Takes the fenced blocks out of pages (README.md here has the convention):
#
#   awk [-v out=FOLDER] -f tests/snippets/extract.awk PAGE...        in the root of the repository
#
# Prints a line for each block: language, number, page, first line of its text, and what else there is to know of it:
#
#   cpp 3 README.md 49 cpu                  compiled in FOLDER/cpu.cpp; others in gpu.cpp, libtorch.cpp, libtorch_gpu.cpp
#   cpp 4 README.md 60 gpu file program     a whole translation unit, FOLDER/4.cpp; `object` if it has no main()
#   cmake 5 README.md 80 gpu                FOLDER/5.cmake, with what it continues; needs `plain`, `gpu`, `libtorch` ...
#   sh 6 README.md 90 run                   FOLDER/6.sh; or `checked`
#   text 7 README.md 95
#
# Without `out` nothing is written. Exits with 1 if a page departs from the convention, and says where.

function fail(line, message) {
  printf "%s:%d: %s\n", page, line, message > "/dev/stderr"
  failed = 1
}

# Adds to the needs of a block what a line of its text needs beyond the library.
function note_needs(block, text) {
  if (text ~ /#include *<(scc\/libtorch|torch\/|ATen\/|c10\/)|(scc::lib)?torch::/) needs_libtorch[block] = 1
  if (text ~ /#include *<(scc\/gpu\/|cuda)|scc::gpu::|cudaStream_t/) needs_gpu[block] = 1
}

function set_of(block) {
  if (needs_libtorch[block]) return needs_gpu[block] ? "libtorch_gpu" : "libtorch"
  return needs_gpu[block] ? "gpu" : (language[block] == "cmake" ? "plain" : "cpu")
}

function add_prelude(block, name, line,    file, text, status) {
  file = "tests/snippets/" name ".hpp"
  while ((status = (getline text < file)) > 0) note_needs(block, text)
  close(file)
  if (status < 0) fail(line, "the directive says with " name ", but there is no " file)
  if (index(" " preludes[block] " ", " " name " ") == 0) preludes[block] = preludes[block] (preludes[block] == "" ? "" : " ") name
}

# C++ of a chain is one function; a CMake block comes with those before it, and not with those behind it.
function continue_block(earlier) {
  root[n] = root[earlier]
  if (lang == "cmake") {
    needs_libtorch[n] = needs_libtorch[earlier]
    needs_gpu[n] = needs_gpu[earlier]
  }
}

# Writes a file of the folder `out`, if there is one.
function write_file(name, text) {
  if (out == "") return
  printf "%s", text > (out "/" name)
  close(out "/" name)
}

# Reads the words of the directive before block n.
function read_directive(words,    count, word, i) {
  if (words ~ /^checked:/) {
    if (lang != "sh") fail(directive_line, "only sh blocks can be checked without being run")
    if (words !~ /^checked: *[^ ]/) fail(directive_line, "checked needs a reason: <!-- snippet: checked: why it is not run -->")
    is_checked[n] = 1
    return
  }
  count = split(words, word, " ")
  if (count == 0) fail(directive_line, "the directive is empty")
  for (i = 1; i <= count; ++i) {
    if (word[i] == "continues" && (lang == "cpp" || lang == "cmake")) {
      if (!((page, lang) in last)) fail(directive_line, "there is no " lang " block on this page to continue")
      else continue_block(last[page, lang])
    } else if (word[i] == "file" && lang == "cpp") {
      is_file[n] = 1
    } else if (word[i] == "with" && lang == "cpp" && i < count) {
      wanted[n] = wanted[n] " " word[++i]
    } else {
      fail(directive_line, "'" word[i] "' is no directive of a " lang " block, or lacks its name")
    }
  }
  if (is_file[n] && (root[n] != n || wanted[n] != "")) fail(directive_line, "a file stands alone: no continues, no with")
  if (is_file[root[n]] && root[n] != n) fail(directive_line, "a file cannot be continued")
}

function open_block(    count, name, i) {
  ++n
  language[n] = lang
  page_of[n] = page
  line_of[n] = FNR + 1
  root[n] = n
  if (directive != "") read_directive(directive)
  count = split(wanted[n], name, " ")
  for (i = 1; i <= count; ++i) add_prelude(root[n], name[i], directive_line)
  ++count_of[lang]
}

function add_line(text) {
  if (substr(text, 1, length(indent)) == indent) text = substr(text, length(indent) + 1)
  if (lang == "cpp") {
    note_needs(root[n], text)
    if (text ~ /(^|[^A-Za-z0-9_])main *\(/) {
      has_main[n] = 1
      if (!is_file[n]) fail(FNR, "has a main(): needs the directive <!-- snippet: file -->")
    }
    if (text ~ /^ *#include/ && !is_file[n]) {
      includes[root[n]] = includes[root[n]] "#line " FNR " \"" page "\"\n" text "\n"
      text = ""
    }
  } else if (lang == "cmake" && text !~ /^ *#/) {
    if (text ~ /find_package\(Torch|COMPONENTS libtorch|scc::libtorch/) needs_libtorch[n] = 1
    if (text ~ /scc_add_gpu_library|CUDA/) needs_gpu[n] = 1
  }
  body[n] = body[n] text "\n"
}

# The text of a block behind what it continues.
function close_block(    r) {
  r = root[n]
  last[page, lang] = n
  if (lang == "cpp") {
    chain[r] = chain[r] "#line " line_of[n] " \"" page "\"\n" body[n]
  } else {
    chain[r] = chain[r] body[n]
    if (lang == "cmake") cmake_text[n] = chain[r]
  }
}

function leave_page() {
  if (in_block) fail(fence_line, "this fence is not closed")
  if (directive != "") fail(directive_line, "no fence follows this directive")
  in_block = 0
  directive = ""
}

FNR == 1 {
  leave_page()
  page = FILENAME
}

in_block {
  closing = $0
  gsub(/^ +| +$/, "", closing)
  if (closing ~ /^```+$/ && length(closing) >= length(fence)) {
    in_block = 0
    if (is_known) close_block()
  } else if (is_known) {
    add_line($0)
  }
  next
}

/^ *~~~/ { fail(FNR, "fences are of backquotes") }

/^ *```/ {
  match($0, /^ */)
  indent = substr($0, 1, RLENGTH)
  rest = substr($0, RLENGTH + 1)
  match(rest, /^`+/)
  fence = substr(rest, 1, RLENGTH)
  lang = substr(rest, RLENGTH + 1)
  gsub(/^ +| +$/, "", lang)
  if (lang ~ /`/) next  # code within a line
  in_block = 1
  fence_line = FNR
  is_known = lang ~ /^(cpp|cmake|sh|text|json|csv)$/
  if (is_known) open_block()
  else fail(FNR, (lang == "" ? "a fence without a language" : "the language '" lang "'") ": must be cpp, cmake, sh, text, json or csv")
  directive = ""
  next
}

directive != "" {
  fail(directive_line, "no fence follows this directive")
  directive = ""
}

/^ *<!-- *snippet:/ {
  directive = $0
  directive_line = FNR
  if (directive !~ /--> *$/) fail(FNR, "a directive is one line")
  sub(/^ *<!-- *snippet: */, "", directive)
  sub(/ *--> *$/, "", directive)
  if (directive == "") fail(FNR, "the directive is empty")
}

END {
  leave_page()
  if (n == 0) fail(0, "no page has a fenced block: the extraction is broken")
  for (i = 1; i <= n; ++i) {
    lang = language[i]
    facts = ""
    if (lang == "cpp") {
      set = set_of(root[i])
      facts = " " set (is_file[i] ? (has_main[i] ? " file program" : " file object") : "")
      if (is_file[i]) {
        write_file(i ".cpp", "#line " line_of[i] " \"" page_of[i] "\"\n" body[i])
      } else if (root[i] == i) {
        heads[set] = heads[set] includes[i]
        count = split(preludes[i], name, " ")
        names = ""
        for (k = 1; k <= count; ++k) {
          heads[set] = heads[set] "#include \"" name[k] ".hpp\"\n"
          names = names "using namespace snippets::" name[k] ";\n"
        }
        bodies[set] = bodies[set] "\nvoid snippet_" i "() {\n" names chain[i] "}\n"
      }
    } else if (lang == "cmake") {
      facts = " " set_of(i)
      write_file(i ".cmake", cmake_text[i])
    } else if (lang == "sh") {
      facts = is_checked[i] ? " checked" : " run"
      write_file(i ".sh", body[i])
    }
    print lang, i, page_of[i], line_of[i] facts
  }
  for (set in bodies) write_file(set ".cpp", "// Generated from the pages.\n" heads[set] bodies[set])
  exit failed
}
