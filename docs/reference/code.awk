# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# A header as Doxygen is to see it, line by line.

# The inline namespace keeps units of a program apart; a reader need not know of it.
/^inline namespace SCC_LIBTORCH_PARTS \{$/ || /^\}  \/\/ namespace SCC_LIBTORCH_PARTS$/ {
  print ""
  next
}

# Formulas, paragraphs that are indented by two more spaces, become code.
/^ *\/\/\/   +[^ ]/ && (previous_is_empty || in_formula) {
  sub(/\/\/\//, "///    ")
  print
  in_formula = 1
  next
}

{
  in_formula = 0
  previous_is_empty = $0 ~ /^ *\/\/\/ *$/
  print
}
