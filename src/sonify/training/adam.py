"""Adam in PyTorch's own kernel, all parameters in one call.

Not through torch.optim.Adam: that imports PyTorch's compiler, more than a second of every job, and
goes from parameter to parameter, a tenth of a small step.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """Adam with its usual constants (betas 0.9 and 0.999, epsilon 1e-8) of `parameters`.

    `weight_decay` is an L2 penalty inside Adam. The same updates as torch.optim.Adam's.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        self.parameters: list[Tensor] = list(parameters)
        self.weight_decay = weight_decay
        self.means, self.squares = (
            [torch.zeros_like(p, requires_grad=False) for p in self.parameters] for _ in range(2)
        )
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]

    @property
    def state(self) -> dict[str, Tensor]:
        """Everything that it remembers of earlier steps, by name: to copy from and to copy into."""
        kinds = {"mean": self.means, "square": self.squares, "steps": self.steps}
        return {f"{kind}.{i}": t for kind, some in kinds.items() for i, t in enumerate(some)}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter by its gradient at the learning rate `rate`, and drop the gradients.

        Each must have one: `backward` comes first.
        """
        adam(
            self.parameters,
            [_gradient(p) for p in self.parameters],
            self.means,
            self.squares,
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
        for p in self.parameters:
            p.grad = None


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        raise RuntimeError("a parameter has no gradient: call backward before every step")
    return parameter.grad
