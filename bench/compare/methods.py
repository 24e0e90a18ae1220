# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""What is compared. Each method is bound to a batch of pairs, and then computes a value, or a value and dloss/dy."""

import ctypes
import functools
import importlib
import pathlib
import warnings

import torch

import dense_scc
import scenes

KEYS = (
    "published",
    "published_compiled",
    "factorised",
    "factorised_compiled",
    "scc_masked",
    "monai",
    "kornia",
    "kornia_masked",
    "copy",
    "launch",
)


class CannotRun(Exception):
    """A method has no place on this machine; the message says why."""


class Method:
    """What all have, unless they say otherwise."""

    estimates_rsmi = False
    is_masked = False  # counts the pixels of scenes.mask() alone
    compiles = False
    is_floor = False
    choices = (None,)  # numbers of images to take at once
    at_once = None  # one of them
    remark = ""

    def bind(self, x, y):
        pass

    def release(self):
        """Frees what it keeps between calls."""

    def result(self):
        """A call of value_and_gradient(): rSMI per image and dloss/dy, or None for what computes neither."""
        return self.value_and_gradient()


class Scc(Method):
    """The library, through scc_compare.cpp. On a GPU its workspace is a tensor."""

    estimates_rsmi = True

    def __init__(self, path, options, device, is_masked=False):
        self.is_masked = is_masked
        self.key, self.label = ("scc_masked", "scc, with a mask") if is_masked else ("scc", "**scc**")
        # Opened after torch is imported, so that both use one OpenMP runtime where torch brings its own.
        self._library = ctypes.CDLL(path)
        self._device = device
        self._loss = ctypes.c_void_p()
        numbers = ("bandwidth", "center_min", "center_max", "beta", "ridge", "tolerance")
        self._call(
            "create",
            int(device == "cuda"),
            int(options.kernel == "reciprocal_gaussian"),
            options.centers_per_axis,
            *(ctypes.c_double(getattr(options, name)) for name in numbers),
            ctypes.byref(self._loss),
        )

    def __del__(self):
        if self._loss:
            self._call("destroy", self._loss)

    def bind(self, x, y):
        self._dloss_dy = torch.zeros_like(y)  # its pages are there before memory is measured
        self._weight = scenes.mask(*x.shape[2:]).to(x) if self.is_masked else None
        self._tensors = (x, y, self._dloss_dy)  # they must live as long as their addresses are used
        for tensor in self._tensors:
            if tensor.dtype != torch.float32 or not tensor.is_contiguous():
                raise ValueError("a contiguous float32 tensor is needed")
        x_at, y_at, self._gradient_at = (ctypes.c_void_p(tensor.data_ptr()) for tensor in self._tensors)
        self._images = ctypes.c_int64(len(x))
        weight_at = None if self._weight is None else ctypes.c_void_p(self._weight.data_ptr())
        self._pixels = (self._loss, x_at, y_at, weight_at, *(ctypes.c_int64(extent) for extent in x.shape))
        self.release()

    def release(self):
        self._workspace = None
        self._call("use_workspace", self._loss, self._images, None, ctypes.c_size_t(0))

    def value(self):
        self._run(None)

    def value_and_gradient(self):
        self._run(self._gradient_at)

    def result(self):
        self.value_and_gradient()
        rsmi = torch.empty(self._images.value, dtype=torch.float64)
        self._call("read_rsmi", self._loss, self._images, ctypes.c_void_p(rsmi.data_ptr()), self._stream())
        return rsmi, self._dloss_dy

    def _run(self, gradient_at):
        if self._workspace is None:
            size = ctypes.c_size_t()
            self._call("workspace_bytes", self._loss, self._images, ctypes.byref(size))
            self._workspace = torch.empty(size.value, dtype=torch.uint8, device=self._device)
            self._call("use_workspace", self._loss, self._images, ctypes.c_void_p(self._workspace.data_ptr()), size)
        self._call("run", *self._pixels, gradient_at, self._stream())

    def _stream(self):
        return ctypes.c_void_p(torch.cuda.current_stream().cuda_stream) if self._device == "cuda" else None

    def _call(self, name, *arguments):
        function = getattr(self._library, "scc_compare_" + name)
        function.restype = ctypes.c_char_p
        message = function(*arguments)
        if message is not None:
            raise RuntimeError(message.decode())


class Autograd(Method):
    """A formulation in PyTorch. It gives a number per image, or one for all, whose mean times `sign` is the loss."""

    def __init__(self, key, label, formulation, sign, bytes_per_pixel, estimates_rsmi=True, compiles=False):
        self.key, self.label, self.estimates_rsmi, self.compiles = key, label, estimates_rsmi, compiles
        self._formulation, self._sign, self._bytes_per_pixel = formulation, sign, bytes_per_pixel

    def bind(self, x, y):
        self._x, self._y = x, y.detach().clone().requires_grad_()
        self._function = self._formulation
        if self.compiles:
            # Each shape is compiled on its own; the counts of recompilations of earlier ones would end in a fallback.
            torch._dynamo.reset()
            self._function = torch.compile(self._formulation, dynamic=False)
        images, image_bytes = len(x), x[0].numel() * self._bytes_per_pixel * x.element_size() // 4
        if x.is_cuda:
            torch.cuda.empty_cache()
            room = torch.cuda.mem_get_info()[0] // 2
        else:
            room = int(pathlib.Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) * 1024 // 2
        if image_bytes > room:
            raise CannotRun(
                f"one image needs about {image_bytes / 2**30:.1f} GiB;"
                f" half of the free memory is {room / 2**30:.1f}"
            )
        self.choices = [1] if images == 1 or images * image_bytes > room else [images, 1]
        self.take_at_once(self.choices[0])

    def take_at_once(self, images):
        """All images in one call of the formulation, or 1 after the other: one of `choices`, those that fit into half
        of the free memory."""
        self.at_once = images
        self.remark = "one image at a time" if images < len(self._x) else ""

    def release(self):
        self._x = self._y = self._function = None

    def _parts(self):
        return zip(self._x.split(self.at_once), self._y.split(self.at_once))

    def value(self):
        with torch.no_grad():
            return sum(self._function(x, y).sum() for x, y in self._parts())

    def value_and_gradient(self):
        share = self._sign * self.at_once / len(self._x)
        values, gradients = [], []
        for x, y in self._parts():
            part = self._function(x, y)
            values.append(part.detach().reshape(-1))
            gradients.append(torch.autograd.grad(share * part.mean(), y)[0])
        return torch.cat(values), gradients[0] if len(gradients) == 1 else torch.cat(gradients)


class Copy(Method):
    """The floor: a copy that reads and writes, together, as many bytes as the passes over the pixels must: 8 per pixel
    for the value (x and y are read), 20 with the gradient (x and y are read again, dloss/dy is written)."""

    key = "copy"
    label = "floor: a copy of as many bytes"
    is_floor = True

    def bind(self, x, y):
        self._sources = [torch.ones(size * y.numel(), dtype=torch.uint8, device=y.device) for size in (4, 10)]
        self._targets = [torch.empty_like(source) for source in self._sources]

    def release(self):
        self._sources = self._targets = None

    def value(self):
        self._targets[0].copy_(self._sources[0])

    def value_and_gradient(self):
        self._targets[1].copy_(self._sources[1])


class EmptyLaunch(Method):
    key = "launch"
    label = "floor: launch of an empty kernel"
    is_floor = True

    def value(self):
        torch.cuda._sleep(0)

    value_and_gradient = value


def _imported(name):
    """A module that may be missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception as error:  # an unfit PyTorch makes imports fail in many ways
        raise CannotRun(f"{name} cannot be imported ({type(error).__name__}: {str(error).splitlines()[0]})")


def _monai():
    loss = _imported("monai.losses").GlobalMutualInformationLoss()
    # It wants intensities from 0 to 1. As in registration, the first argument is the one that is differentiated.
    return lambda x, y: loss((y + 1) / 2, (x + 1) / 2)


def _kornia(is_masked):
    loss = _imported("kornia.losses").mutual_information_loss

    @functools.lru_cache(maxsize=1)
    def mask_of(shape, device):
        channels, height, width = shape
        return scenes.mask(height, width).to(device).expand(channels, height, width).reshape(-1)

    def formulation(x, y):
        mask = mask_of(x.shape[1:], x.device) if is_masked else None
        return loss(y.flatten(1), x.flatten(1), mask, mask)

    return formulation


def make(key, library, options, device):
    """The method of that name; raises CannotRun where it has no place on this machine."""
    if key in ("scc", "scc_masked"):
        return Scc(library, options, device, key == "scc_masked")
    if key == "copy":
        return Copy()
    if key == "launch":
        return EmptyLaunch()
    # Bytes per pixel: measured peaks of value and gradient (column "peak memory" of the page), rounded up.
    if key == "monai":
        return Autograd(key, "MONAI GlobalMutualInformationLoss", _monai(), 1, 1100, estimates_rsmi=False)
    if key.startswith("kornia"):
        is_masked = key == "kornia_masked"
        label = "kornia mutual_information_loss" + (", with a mask" if is_masked else "")
        return Autograd(key, label, _kornia(is_masked), 1, 3300, estimates_rsmi=False)
    base, compiled, _ = key.partition("_compiled")
    if compiled and not hasattr(torch, "compile"):
        raise CannotRun(f"PyTorch {torch.__version__} has no torch.compile")
    name, bytes_per_pixel = {"published": ("published formulation", 2600), "factorised": ("factorised", 600)}[base]
    label = f"{name} (PyTorch, {'torch.compile' if compiled else 'eager'})"
    formulation = functools.partial(getattr(dense_scc, base), options=options)
    return Autograd(key, label, formulation, -1, bytes_per_pixel, compiles=bool(compiled))
