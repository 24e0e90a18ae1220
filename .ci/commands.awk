# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# The simple commands of a shell text, one a line, as words that are separated by tabs:
#
#   awk -v place=README.md -v first=31 -f .ci/commands.awk [FILE]
#
# The first word is the place, README.md:31. Quotes, comments, continued lines and here-documents are seen through;
# expansions are not made.

function end_word() {
  if (has_word) command = command "\t" word
  word = ""
  has_word = 0
}

function end_command() {
  end_word()
  if (command != "") print place ":" command_line command
  command = ""
}

{
  if (here != "") {
    if ($0 == here) here = ""
    next
  }
  if (match($0, /<<-? *['"]?[A-Za-z_]+/)) {
    pending = substr($0, RSTART, RLENGTH)
    gsub(/[^A-Za-z_]/, "", pending)
  }
  continued = 0
  for (i = 1; i <= length($0); ++i) {
    c = substr($0, i, 1)
    if (command == "" && !has_word) command_line = first + NR - 1
    if (quote != "") {
      if (c == quote) quote = ""
      else word = word c
    } else if (c == "'" || c == "\"") {
      quote = c
      has_word = 1
    } else if (c == "\\") {
      if (i == length($0)) {
        continued = 1
      } else {
        word = word substr($0, ++i, 1)
        has_word = 1
      }
    } else if (c == " " || c == "\t") {
      end_word()
    } else if (c == "#" && !has_word) {
      break
    } else if (index(";|&()", c) > 0) {
      end_command()
    } else {
      word = word c
      has_word = 1
    }
  }
  if (quote == "" && !continued) end_command()
  here = pending
  pending = ""
}

END { end_command() }
