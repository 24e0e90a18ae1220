# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# Installs the build folder BUILD into the emptied folder PREFIX.
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${PREFIX}" COMMAND_ERROR_IS_FATAL ANY)
