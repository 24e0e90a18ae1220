# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Makes the copy of the library's headers for one program:
#
#   cmake -D DEFECT=<name, or none> -D BUILD=<schedules|memory|races> -D SOURCE=<the repository> -D COPY=<folder>
#         -P make_copy.cmake

# edit(FILE TEXT REPLACEMENT): in the copy. A defect whose text has gone must not count as one that was planted.
function(edit file text replacement)
  file(READ "${COPY}/${file}" content)
  string(FIND "${content}" "${text}" first)
  string(FIND "${content}" "${text}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "kernel defect ${DEFECT}: must be exactly once in ${file}:\n${text}")
  endif()
  string(REPLACE "${text}" "${replacement}" content "${content}")
  file(WRITE "${COPY}/${file}" "${content}")
endfunction()

set(defect_is_known FALSE)
function(defect name)
  if(NOT name STREQUAL DEFECT)
    return()
  endif()
  set(defect_is_known TRUE PARENT_SCOPE)
  math(EXPR last "${ARGC} - 1")
  foreach(i RANGE 4 ${last} 3)
    math(EXPR text "${i} + 1")
    math(EXPR replacement "${i} + 2")
    edit("${ARGV${i}}" "${ARGV${text}}" "${ARGV${replacement}}")
  endforeach()
endfunction()

file(REMOVE_RECURSE "${COPY}")
file(COPY "${SOURCE}/include/scc" "${SOURCE}/cuda/scc" DESTINATION "${COPY}")
if(BUILD STREQUAL "races")
  # Fewer than 255 threads in all, as ThreadSanitizer may forget what earlier ones did.
  edit(scc/gpu/tuning.hpp "moments_threads = 256" "moments_threads = 64")
  edit(scc/gpu/tuning.hpp "histogram_threads = 512" "histogram_threads = 32")
  edit(scc/gpu/tuning.hpp "gradient_threads = 128" "gradient_threads = 32")
  edit(scc/gpu/tuning.hpp "gradient_blocks_per_multiprocessor = 3" "gradient_blocks_per_multiprocessor = 1")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/defects.cmake")
if(NOT defect_is_known AND NOT DEFECT STREQUAL "none")
  message(FATAL_ERROR "kernel defect ${DEFECT}: defects.cmake does not have it")
endif()
file(TOUCH "${COPY}/made")
