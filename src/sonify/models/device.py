"""Where a job computes, and in which arithmetic."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sonify.runtime.errors import SonifyError

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str, threads: int | None = None) -> torch.device:
    """The device called `name`; "auto" takes CUDA, then Apple's GPU, then the CPU.

    `threads` bounds the CPU threads of this process, so that parallel jobs do not fight. On CUDA,
    convolutions of this process give the same bits again from then on, and are computed in float32
    where that is asked for (see `whole_float32`). Raises SonifyError when the device asked for is
    not there.
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
        raise SonifyError(f"device is {name!r}, which this machine lacks: set device to auto")
    if name == "cuda":
        cudnn = torch.backends.cudnn
        cudnn.deterministic = True
        cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "ieee"
    return torch.device(name)


@contextmanager
def whole_float32() -> Iterator[None]:
    """Convolutions of float32 in float32 on NVIDIA's GPUs too.

    There PyTorch computes them in TensorFloat-32 as it comes, with 10 bits of mantissa instead of
    23: maxima change places, and a sonification is wrong by some tenths of a percent. The setting
    is one for all threads; it is put back at the end.
    """
    conv = torch.backends.cudnn.conv
    before, conv.fp32_precision = conv.fp32_precision, "ieee"
    try:
        yield
    finally:
        conv.fp32_precision = before


def pick_precision(name: str, device: torch.device | str) -> str:
    """The arithmetic called `name`, "float32" or "bfloat16"; "auto" is bfloat16 where `device`
    multiplies it in hardware, else float32.

    A CPU that lacks the instructions runs bfloat16 too, in software; so do older GPUs. Other CPUs
    than x86 are taken to lack them: what PyTorch does with theirs was not measured.
    """
    if name != "auto":
        return name
    kind = torch.device(device).type
    if kind == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = kind == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if native else "float32"
