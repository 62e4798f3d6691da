"""ReLU and maxima of pairs of frames, of maps that lie filter beside filter on a CPU.

PyTorch's pooling goes from frame to frame and notes where each maximum was, in eight bytes. That
was a quarter to more than a third of a small training step in bfloat16.
"""

from typing import Any

import torch
from torch import Tensor

# As what maps are copied, and their bits, sign first. 16 bytes are the most that are copied as one:
# short rows of bfloat16 are copied apart first, so that all else goes along whole arrays.
_WORDS = {torch.bfloat16: torch.complex128, torch.float32: torch.float32}
_BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


def relu_of_pairs(h: Tensor) -> Tensor | None:
    """Return `F.relu(F.max_pool2d(h, (1, 2)))`, or None for maps that it is not for.

    h: (clip, filter, 1, frame), channels last, on a CPU; float32, or bfloat16 where the values of
    all filters are whole words of 16 bytes. Maps and gradients are the same, bit for bit, but for
    the signs of zeros, and for gradients of maps that are not finite. A forward pass takes a half
    to a sixth of the time, the way back in bfloat16 a half.
    """
    word = _WORDS.get(h.dtype)
    whole = word is not None and h.shape[1] * h.element_size() % word.itemsize == 0
    if not whole or not h.is_contiguous(memory_format=torch.channels_last):
        return None
    if h.requires_grad and torch.is_grad_enabled():
        return _ReluOfPairs.apply(h)
    return _as_images(torch.maximum(*_apart(h)).relu_())


class _ReluOfPairs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        earlier, later = _apart(h)
        # All bits where the later one is larger, else none: of equal ones the earlier has the
        # gradient.
        chosen = (earlier - later).view(_BITS[h.dtype]).bitwise_right_shift_(8 * h.itemsize - 1)
        maxima = torch.maximum(earlier, later).relu_()
        ctx.save_for_backward(chosen, maxima)
        ctx.shape = h.shape
        return _as_images(maxima)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        chosen, maxima = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(_as_rows(gradient), maxima, 0)
        passed = passed.contiguous().view(chosen.dtype)
        to_later = passed & chosen
        to_earlier = passed.bitwise_xor_(to_later)
        whole = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        if ctx.shape[-1] % 2:  # a last frame that is in no pair
            whole[..., -1:].zero_()
        for frames, own in zip(_pairs(whole), (to_earlier, to_later), strict=True):
            frames.copy_(own.view(frames.dtype))
        return whole


def _apart(h: Tensor) -> tuple[Tensor, Tensor]:
    """Return the earlier and the later frames of pairs: (clip, pair, filter) each."""
    earlier, later = _pairs(h)
    if earlier.dtype == h.dtype:
        return earlier, later
    return earlier.contiguous().view(h.dtype), later.contiguous().view(h.dtype)


def _pairs(h: Tensor) -> tuple[Tensor, Tensor]:
    """Return the earlier and the later frames of pairs, in place: (clip, pair, word) each."""
    rows, half = _as_rows(h).view(_WORDS[h.dtype]), h.shape[-1] // 2
    earlier, later = rows[:, : 2 * half].unflatten(1, (half, 2)).unbind(2)
    return earlier, later


def _as_rows(h: Tensor) -> Tensor:
    """Return maps (clip, filter, 1, frame) as (clip, frame, filter), as they lie in memory."""
    return h.squeeze(2).mT


def _as_images(rows: Tensor) -> Tensor:
    return rows.mT.unsqueeze(2)
