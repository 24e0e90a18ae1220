# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# scc_add_gpu_library(<name> [ARCHITECTURES <architecture>...])
#
# Makes the static library <name> of the kernels of scc::gpu::Loss. Targets that link it may include <scc/gpu/loss.hpp> from
# C++ code; it brings scc::scc and the CUDA runtime. To be called outside of functions, as it enables the language
# CUDA where that is not enabled yet; the project itself need not know CUDA.
#
# ARCHITECTURES are those of CMake's property CUDA_ARCHITECTURES; without them CMAKE_CUDA_ARCHITECTURES counts.
macro(scc_add_gpu_library name)
  enable_language(CUDA)
  _scc_add_gpu_library(${name} ${ARGN})
endmacro()

function(_scc_add_gpu_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "ARCHITECTURES")
  if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "scc_add_gpu_library(${name} ${ARGN}): must be <name> [ARCHITECTURES <architecture>...]")
  endif()
  find_package(CUDAToolkit REQUIRED)
  get_target_property(source scc::scc SCC_GPU_SOURCE)
  add_library(${name} STATIC "${source}")
  target_compile_features(${name} PRIVATE cuda_std_17)
  target_link_libraries(${name} PUBLIC scc::scc CUDA::cudart)
  if(arg_ARCHITECTURES)
    set_property(TARGET ${name} PROPERTY CUDA_ARCHITECTURES ${arg_ARCHITECTURES})
  endif()
endfunction()
