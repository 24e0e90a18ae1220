// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The one place where the version is written; CMakeLists.txt reads it from here.

#pragma once

#define SCC_VERSION_MAJOR 0  ///< Changes that break the interface, from 1.0 on
#define SCC_VERSION_MINOR 2  ///< Below 1.0 they are here
#define SCC_VERSION_PATCH 0  ///< Changes that do not
