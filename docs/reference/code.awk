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

# Doxygen takes the comment behind several variables for that of the last.
/^ +[A-Za-z_][A-Za-z0-9_:<> *]* [a-z_][a-z0-9_]*(, [a-z_][a-z0-9_]*)+; +\/\/\/< / {
  match($0, /\/\/\/< .*/)
  comment = substr($0, RSTART + 5)
  declaration = substr($0, 1, RSTART - 1)
  sub(/; +$/, "", declaration)
  gsub(/, /, "/**< " comment " */, ", declaration)
  print declaration "/**< " comment " */;"
  next
}

# A brief does not end at "eq. 7", and the name of an exception not with a comma.
/^ *\/\/\/ / {
  gsub(/eq\. /, "eq.\\ ")
  if (match($0, /@throws [A-Za-z_:]+,/)) $0 = substr($0, 1, RSTART + RLENGTH - 2) substr($0, RSTART + RLENGTH)
}

{
  in_formula = 0
  previous_is_empty = $0 ~ /^ *\/\/\/ *$/
  print
}
