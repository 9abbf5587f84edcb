"""What a training ran on, for its record and the card of the model."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_PROCESSORS = Path("/proc/cpuinfo")


def device_name(device: torch.device, processes: int) -> str:
    """The hardware as its maker calls it, and how many: '2 x NVIDIA H100 80GB HBM3'.

    Args:
        device: where the model is.
        processes: how many train together, one a device; on the CPU they share it.
    """
    import torch

    if device.type == "cuda":
        return f"{processes} x {torch.cuda.get_device_name(device)}"
    if device.type == "cpu":
        return _processor() + ("" if processes == 1 else f", {processes} processes")
    return f"{processes} x {device.type}"


def _processor() -> str:
    """Linux alone says what the processor is called; elsewhere it is its kind."""
    if _PROCESSORS.is_file():
        for line in _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
