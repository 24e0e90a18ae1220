# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Configures a project that a CMake block of a page is part of:
#
#   cmake -D BLOCK=<its file> -D SOURCE=<the repository> -D PREFIX=<where the library is installed> -D FOLDER=<for the project>
#         -D GENERATOR=<of CMake> -D "OPTIONS=<further options>" -P configure_block.cmake
#
# A block that does not begin a project of its own comes behind one with the target `trainer`, and behind
# find_package(scc) if it does not get the library itself. A folder scc/ beside it is the repository.
file(READ "${BLOCK}" text)
# Comments show other ways, which are not taken.
string(REGEX REPLACE "#[^\n]*" "" code "${text}")
set(head "")
if(NOT code MATCHES "(^|\n) *project\\(")
  set(head "cmake_minimum_required(VERSION 3.24)\nproject(consumer LANGUAGES CXX)\nadd_executable(trainer trainer.cpp)\n")
  if(NOT code MATCHES "find_package\\(scc|add_subdirectory\\(scc|FetchContent_MakeAvailable\\(scc")
    string(APPEND head "find_package(scc REQUIRED)\n")
  endif()
endif()

file(REMOVE_RECURSE "${FOLDER}")
file(WRITE "${FOLDER}/CMakeLists.txt" "${head}${text}")
foreach(name trainer.cpp main.cpp)
  file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/trainer.cpp" "${FOLDER}/${name}")
endforeach()
file(CREATE_LINK "${SOURCE}" "${FOLDER}/scc" SYMBOLIC)
execute_process(
  COMMAND ${CMAKE_COMMAND} -S "${FOLDER}" -B "${FOLDER}/build" -G "${GENERATOR}" "-DCMAKE_PREFIX_PATH=${PREFIX}"
          "-DFETCHCONTENT_SOURCE_DIR_SCC=${SOURCE}" ${OPTIONS} COMMAND_ERROR_IS_FATAL ANY
)
