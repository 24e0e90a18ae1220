# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Peak memory of one call with gradient: on the CPU of a fresh process, above what is resident before the call.

On the CPU this file is run as a program, with a JSON object as its argument, and prints one.
"""

import ctypes
import gc
import json
import pathlib
import resource
import subprocess
import sys

import torch

import methods
import scc_library
import scenes
from options import Options


def on_gpu(method):
    """Bytes of a bound method, above what it holds before; scc's workspace comes from PyTorch's memory too."""
    if method.key == "scc":
        method.release()
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    method.value_and_gradient()
    torch.cuda.synchronize()
    return {"peak": torch.cuda.max_memory_allocated() - before, "held": None}


def on_cpu(method, shape, settings):
    """The same. Raises methods.CannotRun, with the last line of what the process said, where it fails."""
    argument = json.dumps({"key": method.key, "at_once": getattr(method, "at_once", None), "shape": shape, **settings})
    child = subprocess.run([sys.executable, __file__, argument], capture_output=True, text=True, check=False)
    if child.returncode != 0:
        reason = child.stderr.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
        raise methods.CannotRun(f"the process that measures its memory failed: {reason[0]}")
    return json.loads(child.stdout)


def _resident(field):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def _use_small_pages():
    """Else a few bytes more may make 2 MiB resident."""
    set_thp_disable = 41  # of linux/prctl.h; refused by a kernel that has no such pages
    ctypes.CDLL(None).prctl(set_thp_disable, 1, 0, 0, 0)


def _forget_peak():
    """Makes VmHWM start again from what is resident, where the system lets us."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        return True
    except OSError:
        return False


def _measure(library, method, job):
    x, y = scenes.pairs(job["shape"], job["photographs"])
    method.bind(*scenes.pairs((1, 3, 16, 16)))
    method.value_and_gradient()
    method.bind(x, y)
    if job["at_once"] is not None:
        method.take_at_once(job["at_once"])
    if method.compiles:
        method.value_and_gradient()
    if method.key == "scc":
        method.release()
    gc.collect()
    library.trim_heap()
    heap = library.heap_bytes()
    is_exact = _forget_peak()
    before = _resident("VmRSS") if is_exact else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    method.value_and_gradient()
    after = _resident("VmHWM") if is_exact else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": max(0, after - before), "held": library.heap_bytes() - heap}


def main():
    _use_small_pages()
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    library = scc_library.Library(job["library"])
    library.use_threads(job["threads"])
    try:
        method = methods.make(job["key"], library, Options(**job["options"]), "cpu")
        print(json.dumps(_measure(library, method, job)))
    except methods.CannotRun as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
