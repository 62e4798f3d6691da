"""Sonification as an attribution method, called as those of Captum are."""

from numbers import Integral

import torch
from torch import Tensor, nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.requests import check_layer
from sonify.sonification.deconvnet.sonifier import Sonifier

Selector = int | tuple[int, ...]


class Sonification:
    """Stands in for `captum.attr.NeuronDeconvolution` where a layer's map is heard as a waveform.

        Sonification(model, model.pool3).attribute(inputs, 12)         # filter 12, all its frames
        Sonification(model, 3).attribute(inputs, (12, 40))             # its frame 40 alone

    Unlike Captum, it needs no gradients and no hooks, and treats ReLUs called as functions right.
    It starts from activations, not from ones: with `scaled=False` the result is what Captum gives
    for the selector `lambda a: 0.5 * (a[:, 12] ** 2).sum(-1)`, and for a single frame
    `lambda a: 0.5 * a[:, 12, 40] ** 2`, which is the neuron's activation times what it gives for
    the selector (12, 40).
    """

    def __init__(
        self, model: nn.Module, layer: nn.Module | int | None = None, allow_strided: bool = False
    ) -> None:
        """`layer` is the module that ends a block, its number from 1, or None for the last one.

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
        """Sonifications of one filter, or of one of its frames, in the shape of `inputs`.

        inputs is (clip, time) or (clip, 1, time). The selector is a filter, from 0, or (filter,
        frame). `layer` takes the place of the one given before. `scaled` gives each clip the peak
        of its input; otherwise the deconvolution is left as it is. Raises SonifyError for shapes,
        selectors and options that cannot be served.
        """
        if additional_forward_args is not None:
            raise SonifyError("additional_forward_args cannot be served: the chain has one input")
        if attribute_to_neuron_input:
            raise SonifyError(
                "attribute_to_neuron_input cannot be served: sonification starts from a block's "
                "output"
            )
        x = _waveforms(inputs)
        number = self.layer if layer is None else self._number(layer)
        filter, frame = _selected(neuron_selector)
        record = self.sonifier.forward(x, number)
        clips = torch.arange(len(x), device=x.device)
        frames = None if frame is None else torch.full_like(clips, frame)
        # The engine scales to the peaks of what it is given; to a peak of 1 can be undone.
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
            check_layer(number, blocks)
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
                "of the one that is meant"
            )
        return ended[0]


def _waveforms(inputs: Tensor) -> Tensor:
    if not isinstance(inputs, Tensor):
        raise SonifyError(f"inputs are a {type(inputs).__name__}: pass one tensor of waveforms")
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
