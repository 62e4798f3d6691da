"""The explanation methods by name, as the configuration key `sonification.method` names them.

A method is declared here and nowhere else: one function that imports the method's module and
builds its `Explainer`. The imports stand inside these functions, so that the configuration can list
the names without loading torch, while the code hashes, which follow imports inside functions too,
still see every method's code.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sonify.runtime.errors import SonifyError

if TYPE_CHECKING:
    from torch import nn

    from sonify.sonification.explainer import Explainer

DEFAULT = "deconvnet"

# Of a model, the precision, allow_strided and the number of layers, as `build_explainer`.
Build = Callable[["nn.Module", str, bool, int | None], "Explainer"]


def build_explainer(
    method: str,
    model: "nn.Module",
    *,
    precision: str = "exact",
    allow_strided: bool = True,
    layers: int | None = None,
) -> "Explainer":
    """Build the explanation method called `method` for a model, once per job.

    `precision` is "exact", or "fast" to allow it to be traded for speed. `allow_strided` accepts
    strided convolutions: a model of ours has them only where its configuration says so. `layers`
    restricts the explainer to the first few layers (None: all). Raises SonifyError for an unknown
    method and for a model or precision that the method does not support.
    """
    if method not in METHODS:
        raise SonifyError(
            f"sonification.method is {method!r}: it must be one of {', '.join(METHODS)}"
        )
    return METHODS[method](model, precision, allow_strided, layers)


def _deconvnet(
    model: "nn.Module", precision: str, allow_strided: bool, layers: int | None
) -> "Explainer":
    from sonify.sonification.deconvnet.sonifier import Sonifier
    from sonify.sonification.trace.chain import find_blocks

    return Sonifier(find_blocks(model, allow_strided)[:layers], precision)


def _rival(name: str) -> Build:
    def build(
        model: "nn.Module", precision: str, allow_strided: bool, layers: int | None
    ) -> "Explainer":
        from sonify.sonification.rivals.kinds import KINDS
        from sonify.sonification.trace.chain import find_blocks

        return KINDS[name](find_blocks(model, allow_strided)[:layers])

    return build


# What the deconvnet is measured beside; all compute exactly, whatever the precision.
RIVALS = (
    "gradient_times_input",
    "guided_backpropagation",
    "integrated_gradients",
    "layerwise_relevance",
    "unpooling_hold",
    "unpooling_linear",
    "whole_layer",
    "random_signal",
)
METHODS: dict[str, Build] = {
    DEFAULT: _deconvnet,
    **{name: _rival(name) for name in RIVALS},
}
