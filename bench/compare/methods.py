# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""What is compared. Each method is bound to a pair of images, and then computes a value, or a value and dloss/dy."""

import functools
import pathlib
import warnings

import torch

import dense_scc
import scc_library


class CannotRun(Exception):
    """A method has no place on this machine; the message says why."""


def available_memory(device):
    """Bytes."""
    if device == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info()[0]
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/meminfo does not say how much memory is available")


class Method:
    """What all have, unless they say otherwise."""

    estimates_rsmi = False
    compiles = False
    is_floor = False
    remark = ""
    choices = ()  # numbers of images to take at once

    def bind(self, x, y):
        pass

    def release(self):
        """Forgets what it was bound to."""

    def result(self):
        """A call of value_and_gradient(): rSMI per image and dloss/dy, or None for what computes neither."""
        self.value_and_gradient()


class Scc(Method):
    key = "scc"
    label = "**scc**"
    estimates_rsmi = True

    def __init__(self, library, options, device):
        if device == "cuda" and not library.has_gpu:
            raise CannotRun("the library was built without its GPU backend")
        self.loss = (scc_library.GpuLoss if device == "cuda" else scc_library.CpuLoss)(library, options)

        self.value = self.loss.value
        self.value_and_gradient = self.loss.value_and_gradient

    def bind(self, x, y):
        self.dloss_dy = torch.zeros_like(y)  # its pages are there before memory is measured
        self.loss.bind(x, y, self.dloss_dy)

    def release(self):
        self.loss.clear_workspace()

    def result(self):
        self.loss.value_and_gradient()
        return self.loss.rsmi(), self.dloss_dy


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
        images, pixels = x.shape[0], x[0].numel()
        needed = pixels * self._bytes_per_pixel * x.element_size() // 4
        room = available_memory(x.device.type) // 2
        if needed > room:
            raise CannotRun(
                f"one image needs about {needed / 2**30:.1f} GiB; half of the free memory is {room / 2**30:.1f}"
            )
        self.choices = [1] if images * needed > room or images == 1 else [images, 1]
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
        self.result()

    def result(self):
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
        self._source = {}
        self._target = {}
        for name, size in (("value", 4), ("gradient", 10)):
            self._source[name] = torch.ones(size * y.numel(), dtype=torch.uint8, device=y.device)
            self._target[name] = torch.empty_like(self._source[name])

    def release(self):
        self._source = self._target = None

    def value(self):
        self._target["value"].copy_(self._source["value"])

    def value_and_gradient(self):
        self._target["gradient"].copy_(self._source["gradient"])


class EmptyLaunch(Method):
    key = "launch"
    label = "floor: launch of an empty kernel"
    is_floor = True

    def __init__(self, library):
        self.value = self.value_and_gradient = library.launch_empty_kernel


def _mutual_information():
    from monai.losses import GlobalMutualInformationLoss

    loss = GlobalMutualInformationLoss()
    # It wants intensities from 0 to 1. As in registration, the first argument is the one that is differentiated.
    return lambda x, y: loss((y + 1) / 2, (x + 1) / 2)


def make(key, library, options, device):
    """The method of that name; raises CannotRun where it has no place on this machine."""
    # Bytes per pixel: measured peaks of value and gradient (column "peak memory" of the page), rounded up.
    dense = {
        "published": ("published formulation (PyTorch, eager)", dense_scc.published, 2600),
        "factorised": ("factorised (PyTorch, eager)", dense_scc.factorised, 600),
    }
    if key == "scc":
        return Scc(library, options, device)
    if key == "copy":
        return Copy()
    if key == "launch":
        return EmptyLaunch(library)
    if key == "mutual_information":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                formulation = _mutual_information()
        except Exception as error:  # an unfit PyTorch makes MONAI's import fail in many ways
            raise CannotRun(f"MONAI cannot be imported ({type(error).__name__}: {str(error).splitlines()[0]})")
        return Autograd(key, "MONAI GlobalMutualInformationLoss", formulation, 1, 1100, estimates_rsmi=False)
    base, suffix, _ = key.partition("_compiled")
    label, formulation, bytes_per_pixel = dense[base]
    if suffix:
        if not hasattr(torch, "compile"):
            raise CannotRun(f"PyTorch {torch.__version__} has no torch.compile")
        label = label.replace("eager", "torch.compile")
    formulation = functools.partial(formulation, options=options)
    return Autograd(key, label, formulation, -1, bytes_per_pixel, compiles=bool(suffix))
