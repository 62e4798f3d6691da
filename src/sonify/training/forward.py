"""A batch through the network, whole or in parts."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sonify.models.cnn import Dropout


def outputs(
    model: nn.Module, x: Tensor, at_once: int | None, chances: Tensor | None = None
) -> Tensor:
    """Return the outputs of `model` for crops x, (crop, time): (..., crop, output).

    A batch of more than `at_once` crops (None: no bound) goes through in parts. Their feature maps,
    which take nearly all memory of a training step, are forgotten and made again on the way back,
    at the cost of one more forward pass; outputs and gradients are the same to rounding. With
    dropout, the masks are the same in both passes, and on a CPU those of the whole batch as well.

    chances: (crop, feature), what dropout compares with its probability, where it shall not draw.
    """
    inputs = [x] if chances is None else [x, chances]

    def run(x: Tensor, chances: Tensor | None = None) -> Tensor:
        with _given(model, chances):
            return model(x)

    if at_once is None or len(x) <= at_once:
        return run(*inputs)
    draws = any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())
    parts = [
        checkpoint(run, *part, use_reentrant=False, preserve_rng_state=draws)
        for part in zip(*(whole.split(at_once) for whole in inputs), strict=True)
    ]
    return torch.cat(parts, dim=-2)


@contextmanager
def _given(model: nn.Module, chances: Tensor | None) -> Iterator[None]:
    """Give the dropout of `model` its chances, for one pass."""
    layers = [] if chances is None else [m for m in model.modules() if isinstance(m, Dropout)]
    for layer in layers:
        layer.chances = chances
    try:
        yield
    finally:
        for layer in layers:
            layer.chances = None
