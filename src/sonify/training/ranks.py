"""One training in several processes, its ranks, that does what a single one would.

Every rank reads and computes rows rank, rank + ranks, ... of each batch, and is sent those of the
others: crops, so that clips can be mixed with any other of the batch, and outputs. All random
numbers are drawn for the whole batch on every rank, and the loss is that of the whole batch on
every rank. So is its gradient by the outputs, of which each takes its own rows back through the
network. What is summed over the ranks is the gradient of the parameters. Hence groups of negatives,
losses and batches may be any: nothing must divide by the number of ranks, and results differ from
those of a single process by the rounding of sums alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from sonify.models.heads import SoundModel
from sonify.models.probes import Probes
from sonify.runtime.errors import SonifyError
from sonify.training.forward import outputs
from sonify.training.resume import Part


@dataclass(frozen=True)
class Ranks:
    """The processes that share a training, `count` of them, and which of them this one is."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this is the rank that validates, reports and writes."""
        return self.rank == 0

    def own(self, rows: Tensor) -> Tensor:
        """Return this rank's rows of a batch."""
        return rows[self.rank :: self.count].contiguous()

    def whole(self, own: Tensor, size: int) -> Tensor:
        """Return all `size` rows of a batch from every rank's own. Gradients go back to those."""
        return own if self.count == 1 else _Whole.apply(own, size, self)

    def add_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Give every parameter the sum of its gradients over the ranks."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        totals = flat.split([g.numel() for g in gradients])
        for gradient, total in zip(gradients, totals, strict=True):
            gradient.copy_(total.view_as(gradient))

    def agree(self, part: Part) -> None:
        """Give `part` the state that it has on the first rank."""
        if self.count == 1:
            return
        shared: list[Any] = [None]
        if self.first:
            snapshot = part.snapshot()
            on_cpu = {name: tensor.cpu() for name, tensor in snapshot.tensors.items()}
            shared = [replace(snapshot, tensors=on_cpu)]
        dist.broadcast_object_list(shared, device=torch.device("cpu"))
        if not self.first:
            part.restore(shared[0])


ALONE = Ranks()


@dataclass(frozen=True)
class Share:
    """A rank's share of batches of `size` rows, on its device."""

    ranks: Ranks
    size: int
    device: torch.device

    def __post_init__(self) -> None:
        if self.size < self.ranks.count:
            raise SonifyError(
                f"training.processes is {self.ranks.count}, but a batch has {self.size} clips: "
                "lower it"
            )

    def whole(self, own: np.ndarray) -> Tensor:
        """Return a batch on the device, of which `own` are this rank's rows."""
        return self.ranks.whole(torch.from_numpy(own).to(self.device), self.size)

    def outputs(self, model: SoundModel | Probes, x: Tensor, at_once: int | None) -> Tensor:
        """Return the outputs for all crops x, of which this rank computes its own: see `forward`.

        What dropout drops depends on no number of ranks, as far as it does not on `at_once`.
        """
        if self.ranks.count == 1:
            return outputs(model, x, at_once)
        if not isinstance(model, SoundModel):
            raise TypeError("probes are trained by one process")
        encoder, chances = model.encoder, None
        if model.training and encoder.dropout.p > 0:
            drawn = torch.rand((len(x), encoder.architecture.filters[-1]), device=x.device)
            chances = self.ranks.own(drawn)
        return self.ranks.whole(outputs(model, self.ranks.own(x), at_once, chances), len(x))


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, size: int, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        padded = own.new_zeros(-(-size // ranks.count), *own.shape[1:])
        padded[: len(own)] = own
        sent = padded.view(torch.uint8)  # NCCL and gloo know no 16-bit integers
        received = [torch.empty_like(sent) for _ in range(ranks.count)]
        dist.all_gather(received, sent)
        return torch.stack(received, 1).flatten(0, 1)[:size].view(own.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.ranks.own(gradients[0]), None, None
