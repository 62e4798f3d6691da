"""The device a job computes on, and its arithmetic."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from sonify.runtime.errors import SonifyError

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str, threads: int | None = None) -> torch.device:
    """Return the device called `name`; "auto" takes CUDA, then Apple's GPU, then the CPU.

    `threads` limits the CPU threads of this process, so that parallel jobs do not compete. With
    CUDA, convolutions of this process become deterministic, and those of float32 are computed in
    float32 (see `disable_tf32`). Raises SonifyError for an unknown or missing device.
    """
    if name not in DEVICES:
        raise SonifyError(f"device is {name!r}: it must be one of {', '.join(DEVICES)}")
    if threads:
        torch.set_num_threads(threads)
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    present = {"cpu": True, "cuda": cuda, "mps": mps}
    if name == "auto":
        name = next(d for d in ("cuda", "mps", "cpu") if present[d])
    if not present[name]:
        raise SonifyError(
            f"device is {name!r}, which this machine does not have: set device to auto"
        )
    if name == "cuda":
        cudnn: Any = torch.backends.cudnn  # its stub lacks conv and rnn
        cudnn.deterministic = True
        cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "ieee"
    return torch.device(name)


@contextmanager
def disable_tf32() -> Iterator[None]:
    """Compute float32 convolutions in float32 on NVIDIA GPUs too, for the length of a `with` block.

    By default PyTorch computes them in TensorFloat-32, with 10 bits of mantissa instead of 23:
    maxima move, and a sonification is wrong by some tenths of a percent. The setting is global to
    all threads; it is restored at the end.
    """
    cudnn: Any = torch.backends.cudnn  # its stub lacks conv
    conv = cudnn.conv
    before, conv.fp32_precision = conv.fp32_precision, "ieee"
    try:
        yield
    finally:
        conv.fp32_precision = before


def pick_precision(
    name: Literal["auto", "float32", "bfloat16"], device: torch.device | str
) -> Literal["float32", "bfloat16"]:
    """Resolve "auto" to "bfloat16" where `device` computes with it, else to "float32".

    Any other `name` is returned as it is.
    """
    if name != "auto":
        return name
    return "bfloat16" if computes_bfloat16(device) else "float32"


def computes_bfloat16(device: torch.device | str) -> bool:
    """Return whether `device` multiplies bfloat16 in hardware.

    A CPU without the instructions emulates bfloat16, about ten times slower than float32, and so do
    older GPUs. CPUs other than x86 count as being without: PyTorch's support was not measured.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
