# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""What the numbers depend on."""

import os
import pathlib
import platform
import re
import subprocess

import torch

_root = pathlib.Path(__file__).resolve().parents[2]


def device_name(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def file_name(name):
    """Of a device: in a path."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def cores():
    return len(os.sched_getaffinity(0))


def commit():
    """Of this checkout, or what SCC_COMMIT holds where there is no git."""
    command = ["git", "-C", str(_root)]
    try:
        name = subprocess.run([*command, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run(
            [*command, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        )
        return name.stdout.strip() + (" with changes" if changes.stdout else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("SCC_COMMIT", "unknown")


def openmp_runtimes():
    """Files of the OpenMP runtimes that this process has loaded."""
    paths = {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "omp" in line}
    return sorted(path for path in paths if re.search(r"/lib(g|i)?omp[^/]*\.so", path))


def versions():
    """Of what the other methods run on."""
    found = [f"Python {platform.python_version()}", f"PyTorch {torch.__version__}"]
    try:
        import monai

        found.append(f"MONAI {monai.__version__}")
    except Exception:  # whatever an unfit PyTorch does to it; the page has a line on that already
        pass
    if torch.version.cuda and torch.cuda.is_available():
        found.append(f"CUDA {torch.version.cuda}")
    return ", ".join(found)
