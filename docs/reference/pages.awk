# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# A page as Doxygen is to see it: headings get the anchors that they have on GitHub, behind the page's name, and links
# within the repository lead to pages, to headers, and to copies of other files.
#
#   awk -v page=docs/mathematics.md -v pages="README.md docs/mathematics.md ..." -v files=LIST -f pages.awk docs/mathematics.md
#
# Appends to LIST the files that have to be copied into the folder files/ of the output.

function label_of(path) {
  if (path == "README.md") return "index"
  sub(/^docs\//, "", path)
  sub(/(\/README)?\.md$/, "", path)
  gsub(/[^A-Za-z0-9]/, "_", path)
  # index.html is the README.
  return path == "index" ? "pages_index" : path
}

function anchor_of(path, slug) { return "page_" label_of(path) "_" slug }

function slug_of(heading) {
  heading = tolower(heading)
  gsub(/\]\([^)]*\)/, "", heading)
  gsub(/[^a-z0-9 _-]/, "", heading)
  gsub(/ /, "-", heading)
  return heading
}

# `path`, which is relative to the page, from the root.
function from_root(path,    folder, part, count, i, depth, kept, result) {
  folder = page
  if (folder !~ /\//) folder = ""
  sub(/[^\/]*$/, "", folder)
  count = split(folder path, part, "/")
  for (i = 1; i <= count; ++i) {
    if (part[i] == "..") --depth
    else if (part[i] != "." && part[i] != "") kept[++depth] = part[i]
  }
  for (i = 1; i <= depth; ++i) result = result (i > 1 ? "/" : "") kept[i]
  return result
}

function is_readable(path,    ignored, status) {
  status = (getline ignored < path)
  close(path)
  return status >= 0
}

# What a link leads to in the reference; "" if that has nothing of it.
function new_target(target,    path, slug) {
  if (target ~ /^[a-z]+:/) return target
  path = target
  slug = ""
  if (match(target, /#/)) {
    path = substr(target, 1, RSTART - 1)
    slug = substr(target, RSTART + 1)
  }
  path = path == "" ? page : from_root(path)
  if (index(" " pages " ", " " path "/README.md ")) path = path "/README.md"
  if (index(" " pages " ", " " path " ")) return "@ref " (slug == "" ? label_of(path) : anchor_of(path, slug))
  if (path ~ /\.(png|svg)$/) {
    sub(/.*\//, "", path)
    return path
  }
  if (path ~ /^(include|cuda)\// && path !~ /\/kernels\// && is_readable(path)) return "@ref " ENVIRON["PWD"] "/" path
  if (path ~ /\/[^\/]*\.[a-z]+$/ && is_readable(path)) {
    print path >> files
    return "files/" path
  }
  return ""
}

function with_new_links(line,    before, target, start, replaced) {
  before = ""
  while (match(line, /\]\([^) ]+\)/)) {
    target = substr(line, RSTART + 2, RLENGTH - 3)
    before = before substr(line, 1, RSTART - 1)
    line = substr(line, RSTART + RLENGTH)
    replaced = new_target(target)
    if (replaced != "") {
      before = before "](" replaced ")"
    } else {
      # Only the text of the link is left.
      for (start = length(before); start > 0 && substr(before, start, 1) != "["; --start) {}
      before = substr(before, 1, start - 1) substr(before, start + 1)
    }
  }
  return before line
}

# Doxygen takes `a'` for a quotation, unless it has two backquotes, and does not see that **`a`** is bold.
function with_clear_spans(line,    before, span) {
  gsub(/\*\*`/, "<b>`", line)
  gsub(/`\*\*/, "`</b>", line)
  before = ""
  while (match(line, /`[^`]+`/)) {
    span = substr(line, RSTART, RLENGTH)
    before = before substr(line, 1, RSTART - 1) (span ~ /'/ ? "`" span "`" : span)
    line = substr(line, RSTART + RLENGTH)
  }
  return before line
}

# Number of the brackets in `line` that are still open.
function open_brackets(line) {
  gsub(/`[^`]*`/, "", line)
  return gsub(/\[/, "", line) - gsub(/\]/, "", line)
}

/^ *```/ {
  in_block = !in_block
  print
  next
}

in_block {
  print
  next
}

/^#+ / {
  level = $1
  heading = $0
  sub(/^#+ */, "", heading)
  slug = slug_of(heading)
  if (slug in seen) slug = slug "-" seen[slug]++
  else seen[slug] = 1
  heading = with_new_links(heading)
  if (level != "#") print level " " heading " {#" anchor_of(page, slug) "}"
  else if (page == "README.md") print "# " heading
  else print "# " heading " {#" label_of(page) "}"
  next
}

# The text of a link is on one line.
$0 != "" && open_brackets(held $0) > 0 {
  held = held $0 " "
  next
}

{
  print with_clear_spans(with_new_links(held $0))
  held = ""
}
