"""Sonification as an attribution method with the calling convention of Captum."""

from numbers import Integral

import torch
from torch import Tensor, nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.requests import check_layer

Selector = int | tuple[int, ...]


class Sonification:
    """A replacement for `captum.attr.NeuronDeconvolution` that gives a map as a waveform.

        Sonification(model, model.pool3).attribute(inputs, 12)         # filter 12, all its frames
        Sonification(model, 3).attribute(inputs, (12, 40))             # its frame 40 alone

    Unlike Captum, it needs no gradients and no hooks, and handles ReLUs called as functions.
    It starts from activations, not from ones: with `scaled=False` the result is that of Captum
    for the selector `lambda a: 0.5 * (a[:, 12] ** 2).sum(-1)`, and for a single frame
    `lambda a: 0.5 * a[:, 12, 40] ** 2`, which is the neuron's activation times Captum's result
    for the selector (12, 40).
    """

    def __init__(
        self, model: nn.Module, layer: nn.Module | int | None = None, allow_strided: bool = False
    ) -> None:
        """`layer` is the module that ends a block, its number from 1, or None for the last block.

        Raises SonifyError for a model that cannot be inverted (see `chain.find_blocks`) or a layer
        that does not end a block.
        """
        self.sonifier = Sonifier(model, allow_strided=allow_strided)
        self.layer = self._number(layer)

    @torch.no_grad()
    def attribute(
        self,
        inputs: Tensor,
        neuron_selector: Selector,
        additional_forward_args: None = None,
        attribute_to_neuron_input: bool = False,
        *,
        layer: nn.Module | int | None = None,
        scaled: bool = True,
    ) -> Tensor:
        """Sonify one filter, or one of its frames; returns the shape of `inputs`.

        inputs is (clip, time) or (clip, 1, time). The selector is a filter, from 0, or (filter,
        frame). `layer` overrides the constructor's. `scaled` gives each sonification the peak of
        its clip; otherwise it is the raw deconvolution. The other two arguments exist for
        compatibility with Captum. Raises SonifyError for shapes, selectors and options that are
        not supported.

        >>> import torch
        >>> from sonify.api import CNN12, Architecture, Sonification
        >>> model = CNN12(Architecture(width=1 / 16))
        >>> clips = torch.randn(2, 4000)
        >>> Sonification(model, model.trunk.pool3).attribute(clips, 5).shape  # filter 5
        torch.Size([2, 4000])
        >>> Sonification(model, 3).attribute(clips, (5, 40)).shape  # its frame 40 alone
        torch.Size([2, 4000])
        """
        if additional_forward_args is not None:
            raise SonifyError(
                "additional_forward_args is not supported: the model has one input, so leave it out"
            )
        if attribute_to_neuron_input:
            raise SonifyError(
                "attribute_to_neuron_input is not supported: sonification starts from a block's "
                "output, so leave it out"
            )
        x = _waveforms(inputs)
        number = self.layer if layer is None else self._number(layer)
        filter, frame = _selected(neuron_selector)
        record = self.sonifier.forward(x, number)
        clips = torch.arange(len(x), device=x.device)
        frames = None if frame is None else torch.full_like(clips, frame)
        # The engine scales to the peaks of the clips it is given; a scale to peak 1 can be undone.
        like = x if scaled else torch.ones_like(x)
        filters = torch.full_like(clips, filter)
        made = self.sonifier.render_from(record, like, number, clips, filters, frames)
        signals = made.signals
        if not scaled:
            signals = signals / torch.where(made.scales > 0, made.scales, 1.0).unsqueeze(-1)
        return signals.view_as(inputs)

    def _number(self, layer: nn.Module | int | None) -> int:
        blocks = self.sonifier.blocks
        if not isinstance(layer, nn.Module | int | None):
            raise SonifyError(f"layer is {layer!r}: pass a module or a number from 1")
        if not isinstance(layer, nn.Module):
            number = len(blocks) if layer is None else layer
            check_layer(number, len(blocks))
            return number
        ended = [n for n, block in enumerate(blocks, start=1) if layer in block.ends]
        if not ended:
            raise SonifyError(
                f"{type(layer).__name__} does not end a block of the model: pass the ReLU or, "
                f"where one follows, the pool that does, or a number from 1 to {len(blocks)}"
            )
        if len(ended) > 1:
            raise SonifyError(
                f"{type(layer).__name__} ends layers {', '.join(map(str, ended))}: pass the number "
                "of the layer instead"
            )
        return ended[0]


def _waveforms(inputs: Tensor) -> Tensor:
    if not isinstance(inputs, Tensor):
        raise SonifyError(f"inputs is a {type(inputs).__name__}: pass one tensor of waveforms")
    if inputs.ndim == 3 and inputs.shape[1] == 1:
        return inputs.squeeze(1)
    if inputs.ndim == 2:
        return inputs
    raise SonifyError(
        f"inputs have shape {tuple(inputs.shape)}: expected (clip, time) or (clip, 1, time)"
    )


def _selected(selector: Selector) -> tuple[int, int | None]:
    chosen = selector if isinstance(selector, tuple) else (selector,)
    if not 1 <= len(chosen) <= 2 or not all(isinstance(n, Integral) for n in chosen):
        raise SonifyError(
            f"neuron_selector is {selector!r}: it must be a filter or (filter, frame), as "
            "whole numbers"
        )
    return int(chosen[0]), int(chosen[1]) if len(chosen) == 2 else None
