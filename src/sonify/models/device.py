"""Where a job computes."""

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str, threads: int | None = None) -> torch.device:
    """The device called `name`; "auto" takes CUDA, then Apple's GPU, then the CPU.

    `threads` bounds the CPU threads of this process, so that parallel jobs do not fight. Raises
    ValueError when the device asked for is not there.
    """
    if name not in DEVICES:
        raise ValueError(f"device is {name!r}: it must be one of {', '.join(DEVICES)}")
    if threads:
        torch.set_num_threads(threads)
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    present = {"cpu": True, "cuda": cuda, "mps": mps}
    if name == "auto":
        name = next(d for d in ("cuda", "mps", "cpu") if present[d])
    if not present[name]:
        raise ValueError(f"device is {name!r}, which this machine lacks: set device to auto")
    return torch.device(name)
