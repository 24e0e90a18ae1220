#!/usr/bin/env bash
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# What each kernel takes of a multiprocessor, as the compiler reports it, as a table for a page; and whether that is as it
# must be.
#   kernel_resources.sh REPORT [KERNEL=WARPS]...
# REPORT is what nvcc --resource-usage wrote. Fails if a KERNEL has spills or a stack frame on any architecture, or if its
# registers leave room for fewer than WARPS warps on a multiprocessor; or if there is no such kernel.

set -euo pipefail

report=${1:?usage: kernel_resources.sh REPORT [KERNEL=WARPS]...}
shift

c++filt < "$report" | awk -v demands="$*" '
  # Warps that the registers of a multiprocessor, 64 Ki in four parts, hold; each thread has a multiple of 8.
  function warps_of(registers) { return 4 * int(16384 / (int((registers + 7) / 8) * 8 * 32)) }

  function most_warps(architecture) {
    return architecture == 75 ? 32 : architecture ~ /^(86|87|89|12[0-9])$/ ? 48 : 64
  }

  function fail(text) { problems[++problem_count] = text }

  BEGIN {
    demand_count = split(demands, parts, " ")
    for (k = 1; k <= demand_count; ++k) {
      split(parts[k], pair, "=")
      least_warps[pair[1]] = pair[2]
    }
    print "| architecture | kernel | registers | warps | static shared | stack frame | spill stores | spill loads |"
    print "|---|---|---|---|---|---|---|---|"
    fflush()  # before the rows, which sort writes
  }

  /Compiling entry function/ {
    kernel = $0
    sub(/.*Compiling entry function ./, "", kernel)
    architecture = kernel
    sub(/. for .sm_[0-9a-z]*.$/, "", kernel)
    sub(/^void /, "", kernel)
    sub(/\(.*/, "", kernel)
    sub(/.*::/, "", kernel)
    sub(/.*sm_/, "", architecture)
    sub(/[^0-9].*/, "", architecture)
    stack = stores = loads = "?"
    next
  }

  /bytes stack frame/ {
    # Functions that a kernel calls have lines of their own; the largest frame counts.
    if (stack == "?" || $1 > stack) { stack = $1 }
    if (stores == "?" || $5 > stores) { stores = $5 }
    if (loads == "?" || $9 > loads) { loads = $9 }
    next
  }

  /Used [0-9]+ registers/ {
    registers = shared = 0
    for (k = 1; k <= NF; ++k) {
      if ($k ~ /^registers/) { registers = $(k - 1) }
      if ($k ~ /^smem/) { shared = $(k - 2) }
    }
    warps = warps_of(registers)
    if (warps > most_warps(architecture)) { warps = most_warps(architecture) }
    ++seen[architecture]
    row = sprintf("| sm_%s | `%s` | %d | %d | %d B | %s B | %s B | %s B |", architecture, kernel, registers, warps, shared,
                  stack, stores, loads)
    print architecture, row | "sort -n | cut -d \" \" -f 2-"
    ++row_count

    name = kernel
    sub(/<.*/, "", name)
    if (name in least_warps) {
      ++found[name, architecture]
      where = kernel " on sm_" architecture
      if (stack != 0 || stores != 0 || loads != 0) {
        fail(where " has a stack frame of " stack " bytes, " stores " bytes of spill stores and " loads " of spill loads")
      }
      if (warps < least_warps[name]) {
        fail(where " takes " registers " registers: room for " warps " warps, must be " least_warps[name])
      }
    }
    stack = stores = loads = "?"
  }

  END {
    for (name in least_warps) {
      for (architecture in seen) {
        if (!((name, architecture) in found)) { fail("there is no kernel " name " for sm_" architecture) }
      }
    }
    if (row_count == 0) { fail("the report names no kernel") }
    for (k = 1; k <= problem_count; ++k) { print "kernel_resources.sh: " problems[k] > "/dev/stderr" }
    exit problem_count > 0
  }'
