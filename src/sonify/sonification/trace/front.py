"""Operations of a model on the waveform before its first convolution."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from sonify.sonification.trace.graph import Traced, value

# A product of a few constant factors is rounded so many times in float32.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Front:
    """The waveform is multiplied by `gain`.

    constants: qualified names of the parameters and buffers of the model that this rests on.
    """

    gain: float = 1.0
    constants: tuple[str, ...] = ()


UNCHANGED = Front()


def front_of(node: fx.Node, traced: Traced) -> tuple[tuple[int, ...], Front] | None:
    """Return the shape in which waveforms arrive after `node`, and what happened to them so far.

    None where they do not arrive as they were up to one constant factor. Two probes decide: of
    different means and levels, so that nothing that depends on the waveform looks constant.
    """
    noise = torch.rand(traced.shape, generator=torch.Generator().manual_seed(0)) - 0.3
    probes = torch.linspace(-2, 2, noise.numel()).view(noise.shape), noise
    try:
        arriving = [value(node, probe.clone(), traced.model, traced.constants) for probe in probes]
        gains = [_factor(a, p) for a, p in zip(arriving, probes, strict=True)]
    except Exception:  # the user's own operations may raise anything
        return None
    if gains[0] is None or gains[1] is None or abs(gains[1] / gains[0] - 1) > TOLERANCE:
        return None
    constants = {str(n.target) for n in _behind(node) if n.op == "get_attr"}
    constants &= {name for name, _ in _tensors(traced.model)}
    return tuple(arriving[0].shape), Front(gains[0], tuple(sorted(constants)))


def _factor(arriving: Tensor, probe: Tensor) -> float | None:
    """Return the factor by which all of `arriving` differs from `probe`, None if there is none."""
    there, here = arriving.flatten().to(probe), probe.flatten()
    if there.shape != here.shape:
        return None
    if torch.equal(there, here):
        return 1.0
    largest = int(here.abs().argmax())
    factor = float(there[largest].double() / here[largest].double())
    if not factor:
        return None
    return factor if torch.allclose(there, here * factor, rtol=TOLERANCE, atol=0) else None


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _behind(node: fx.Node) -> set[fx.Node]:
    found, ahead = set(), [node]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += one.all_input_nodes
    return found
