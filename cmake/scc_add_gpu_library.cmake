# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# scc_add_gpu_library(<name> [ARCHITECTURES <architecture>...])
#
# Makes the static library <name> of the kernels of scc::gpu::Loss. Targets that link it may include <scc/gpu/loss.hpp> from
# C++ code, and scc/libtorch.hpp takes CUDA tensors in them; it brings scc::scc, the CUDA runtime and the definition
# SCC_HAS_GPU. To be called outside of functions, as it enables the language CUDA where that is not enabled yet; the
# project itself need not know CUDA.
#
# ARCHITECTURES are those of CMake's property CUDA_ARCHITECTURES; without them CMAKE_CUDA_ARCHITECTURES counts. A project that
# has called find_package(Torch) for a LibTorch with CUDA has that set to OFF, and flags for the architectures of its
# TORCH_CUDA_ARCH_LIST instead: those count then, unless ARCHITECTURES are given.
macro(scc_add_gpu_library name)
  enable_language(CUDA)
  _scc_add_gpu_library(${name} ${ARGN})
endmacro()

set_property(GLOBAL PROPERTY SCC_GPU_LIBRARY_FOLDER "${CMAKE_CURRENT_LIST_DIR}/gpu_library")

function(_scc_add_gpu_library gpu_library_name)
  cmake_parse_arguments(PARSE_ARGV 1 gpu_library "" "" "ARCHITECTURES")
  if(gpu_library_UNPARSED_ARGUMENTS OR gpu_library_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "scc_add_gpu_library(${gpu_library_name} ${ARGN}): must be <name> [ARCHITECTURES <architecture>...]")
  endif()
  find_package(CUDAToolkit REQUIRED)
  get_target_property(gpu_library_source scc::scc SCC_GPU_SOURCE)
  get_property(folder GLOBAL PROPERTY SCC_GPU_LIBRARY_FOLDER)
  add_subdirectory("${folder}" "${CMAKE_CURRENT_BINARY_DIR}/${gpu_library_name}.library")
endfunction()
