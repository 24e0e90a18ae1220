// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The one place where the version is written; CMakeLists.txt reads it from here.

#pragma once

#define SCC_VERSION_MAJOR 0
#define SCC_VERSION_MINOR 1
#define SCC_VERSION_PATCH 0
