# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Makes the operator torch.ops.scc.rsmi; the first import compiles it. See docs/pytorch.md."""

import os
import pathlib

import torch
from torch.utils.cpp_extension import load

_root = pathlib.Path(__file__).resolve().parents[2]
_cuda = torch.cuda.is_available()
_standard = (torch.__version__ < "2") * ["-std=c++17"]  # PyTorch 1.13 takes C++14 by itself
load(
    name="scc",
    sources=[str(_root / "examples/pytorch/operator.cpp")] + _cuda * [str(_root / "cuda/scc/gpu/loss.cu")],
    extra_include_paths=[
        str(_root / "include"),
        str(_root / "cuda"),
        os.environ.get("EIGEN3_INCLUDE_DIR", "/usr/include/eigen3"),
    ],
    # Without the headers of Python, which an operator does not need.
    extra_cflags=["-O3", "-fopenmp", "-UTORCH_API_INCLUDE_EXTENSION_H"] + _standard + _cuda * ["-DSCC_HAS_GPU"],
    extra_cuda_cflags=_standard,
    is_python_module=False,
)
