# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The library under comparison, through ctypes: scc_compare.cpp and scc_compare_gpu.cpp."""

import ctypes

import torch


class _Options(ctypes.Structure):
    _fields_ = [("is_reciprocal", ctypes.c_int32), ("centers_per_axis", ctypes.c_int32)] + [
        (name, ctypes.c_double) for name in ("bandwidth", "center_min", "center_max", "beta", "ridge", "tolerance")
    ]


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("images", "channels", "height", "width")]


def _options(options):
    return _Options(
        options.kernel == "reciprocal_gaussian",
        options.centers_per_axis,
        options.bandwidth,
        options.center_min,
        options.center_max,
        options.beta,
        options.ridge,
        options.tolerance,
    )


def _address(tensor):
    if tensor.dtype != torch.float32 or not tensor.is_contiguous():
        raise ValueError("a contiguous float32 tensor is needed")
    return ctypes.c_void_p(tensor.data_ptr())


def _check(message):
    if message is not None:
        raise RuntimeError(message.decode())


class Library:
    """Open it after torch is imported, so that both use one OpenMP runtime where torch brings its own."""

    def __init__(self, path):
        self._functions = ctypes.CDLL(path)
        self.has_gpu = hasattr(self._functions, "scc_compare_gpu_create")
        self._functions.scc_compare_heap_bytes.restype = ctypes.c_size_t

    def function(self, name):
        """A function that returns a message, or null."""
        result = getattr(self._functions, "scc_compare_" + name)
        result.restype = ctypes.c_char_p
        return result

    def destroy(self, name, handle):
        destroy = getattr(self._functions, f"scc_compare_{name}_destroy")
        destroy.restype = None
        destroy(handle)

    def use_threads(self, threads):
        self._functions.scc_compare_use_threads(threads)

    def threads(self):
        return self._functions.scc_compare_threads()

    def heap_bytes(self):
        return self._functions.scc_compare_heap_bytes()

    def trim_heap(self):
        self._functions.scc_compare_trim_heap()

    def launch_empty_kernel(self):
        _check(self.function("gpu_launch_empty_kernel")(_stream()))


def _stream():
    return ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)


class CpuLoss:
    """scc::cpu::Loss on tensors in host memory."""

    def __init__(self, library, options):
        self._library = library
        self._handle = ctypes.c_void_p()
        self._value = ctypes.c_double()
        _check(library.function("cpu_create")(ctypes.byref(_options(options)), ctypes.byref(self._handle)))
        self._forward = library.function("cpu_forward")
        self._forward_backward = library.function("cpu_forward_backward")

    def __del__(self):
        self._library.destroy("cpu", self._handle)

    def bind(self, x, y, dloss_dy):
        self._images = x.shape[0]
        self._tensors = (x, y, dloss_dy)  # they must live as long as their addresses are used
        pixels = (self._handle, _address(x), _address(y), ctypes.byref(_Shape(*x.shape)))
        self._value_arguments = (*pixels, ctypes.byref(self._value))
        self._gradient_arguments = (*pixels, _address(dloss_dy), ctypes.byref(self._value))

    def value(self):
        _check(self._forward(*self._value_arguments))

    def value_and_gradient(self):
        _check(self._forward_backward(*self._gradient_arguments))

    def rsmi(self):
        values = (ctypes.c_double * self._images)()
        self._library.function("cpu_rsmi")(self._handle, values)
        return torch.tensor(list(values), dtype=torch.float64)

    def clear_workspace(self):
        self._library.function("cpu_clear_workspace")(self._handle)


class GpuLoss:
    """scc::gpu::Loss on tensors in device memory and PyTorch's current stream; its workspace is a tensor."""

    def __init__(self, library, options):
        self._library = library
        self._handle = ctypes.c_void_p()
        self._workspace = None
        _check(library.function("gpu_create")(ctypes.byref(_options(options)), ctypes.byref(self._handle)))
        self._forward = library.function("gpu_forward")
        self._forward_backward = library.function("gpu_forward_backward")

    def __del__(self):
        self._library.destroy("gpu", self._handle)

    def bind(self, x, y, dloss_dy):
        self._images = x.shape[0]
        self._tensors = (x, y, dloss_dy)
        self._pixels = (self._handle, _address(x), _address(y), ctypes.byref(_Shape(*x.shape)))
        self._gradient = _address(dloss_dy)
        self.clear_workspace()

    def value(self):
        self._need_workspace()
        _check(self._forward(*self._pixels, _stream()))

    def value_and_gradient(self):
        self._need_workspace()
        _check(self._forward_backward(*self._pixels, self._gradient, _stream()))

    def rsmi(self):
        values = (ctypes.c_double * self._images)()
        _check(self._library.function("gpu_rsmi")(self._handle, ctypes.c_int64(self._images), values, _stream()))
        return torch.tensor(list(values), dtype=torch.float64)

    def clear_workspace(self):
        self._workspace = None

    def _need_workspace(self):
        if self._workspace is not None:
            return
        images, count = ctypes.c_int64(self._images), ctypes.c_size_t()
        _check(self._library.function("gpu_workspace_bytes")(self._handle, images, ctypes.byref(count)))
        self._workspace = torch.empty(count.value, dtype=torch.uint8, device="cuda")
        memory = ctypes.c_void_p(self._workspace.data_ptr())
        _check(self._library.function("gpu_use_workspace")(self._handle, images, memory, count))
