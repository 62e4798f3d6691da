"""Correlation in overlapping blocks: fewer multiplications, all of them in matrix products.

    out[t] = sum over taps j of x[t + j] @ kernel[j]

A block of `size` frames gives `hop` = size - taps + 1 of them (overlap-save). Its discrete Fourier
transform, the product with that of the kernel and the way back are written in real numbers, each
complex product as three real ones, so that with constant matrices `into` and `back`

    out = back @ ((into @ x) * spectra),     spectra = kernels @ kernel.

All three are matrix products, which CPUs do near their peak. For 11 taps and 128 filters this is
3.6 times less arithmetic than the sum above. The transform is orthogonal up to scale, so that
rounding errors stay at the level of one addition in the largest of the block: they do not respect
zeros, which `sweep.sweep` looks after. Only a block of nothing but zeros is sure to give zeros.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# With fewer filters on either side the transforms cost more than they save; with fewer blocks the
# kernels' spectra are read for too little.
WORTHWHILE_FILTERS = 48
WORTHWHILE_BLOCKS = 16
# Intermediate results of a few blocks at a time stay in a CPU's cache.
CACHED_BYTES = 2 << 20


def size(taps: int) -> int:
    """Frames in a block: the power of two that costs least, a little over twice the taps."""
    return 1 << (11 * taps // 5 - 1).bit_length()


def hop(taps: int) -> int:
    """Frames of output per block."""
    return size(taps) - taps + 1


def count(length: int, taps: int) -> int:
    """Blocks for `length` frames of output."""
    return -(-length // hop(taps))


@lru_cache
def bases(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The constant matrices: into (point, size), kernels (point, taps), back (hop, point)."""
    n = size(taps)
    angle = 2 * np.pi / n * np.arange(n)
    into, kernels, back = [], [], []
    for f in range(n // 2 + 1):
        cos, sin = np.cos(f * angle), np.sin(f * angle)
        if f in (0, n // 2):  # real
            into += [cos]
            kernels += [cos]
            back += [cos / n]
            continue
        # (a + ib)(c + id) with x -> a + ib (b = -sin) and kernel conjugated, c + id (d = sin), by
        # p = (a + b) c, q = a (d - c), r = b (c + d): real part p - r, imaginary part p + q.
        into += [cos - sin, cos, -sin]
        kernels += [cos, sin - cos, cos + sin]
        back += [2 / n * (cos - sin), -2 / n * sin, -2 / n * cos]
    return np.array(into), np.array(kernels)[:, :taps], np.array(back).T[: hop(taps)]


def spectra(kernel: Tensor) -> Tensor:
    """Of kernels (input filter, output filter, tap): (point, input filter, output filter)."""
    _, kernels, _ = bases(kernel.shape[-1])
    found = torch.einsum("pk,iok->pio", torch.from_numpy(kernels), kernel.double().cpu())
    return found.to(kernel).contiguous()


def correlate(x: Tensor, spectra: Tensor, taps: int, out: Tensor) -> None:
    """Correlate x, (signal, frame, input filter), into `out`, (signal, frame, output filter).

    Both are contiguous with the same whole number of `hop`s in frames; behind x in memory lie
    taps - 1 more frames. The last taps - 1 frames of each signal in `out` run into the next signal
    and mean nothing. The block before them does too: a signal that begins with fewer than taps - 1
    zeros leaves rounding errors in the one before it.
    """
    into, _, back = (torch.from_numpy(m).to(x) for m in bases(taps))
    filters, step = x.shape[2], hop(taps)
    blocks = x.shape[0] * x.shape[1] // step
    framed = x.as_strided((blocks, size(taps), filters), (step * filters, filters, 1))
    framed_out = out.view(blocks, step, out.shape[2])
    some = max(1, CACHED_BYTES // (len(into) * max(filters, out.shape[2]) * x.element_size()))
    for block, target in zip(framed.split(some), framed_out.split(some), strict=True):
        n = len(block)
        products = torch.bmm(torch.bmm(into.expand(n, -1, -1), block).transpose(0, 1), spectra)
        torch.bmm(back.expand(n, -1, -1), products.transpose(0, 1), out=target)
