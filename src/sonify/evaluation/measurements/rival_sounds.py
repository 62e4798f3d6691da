"""Sounds of the deconvnet and of its rivals on the same footing: one clip, one filter, one energy.

Each method sonifies the most active map of a layer, and its sound is given the energy of the
deconvnet's, clip by clip. So are its controls: the same sound with random phases, and its sound of
an untrained network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sonify.evaluation.measurements.controls import SONIFICATION
from sonify.evaluation.metrics import surrogates
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.models.untrained import randomised, untrained
from sonify.sonification.explainer import Sonifications
from sonify.sonification.methods import DEFAULT, RIVALS, build_explainer
from sonify.sonification.on_layers import OnLayers

PHASE, UNTRAINED = "phase", "untrained"
SOUNDS = (SONIFICATION, PHASE, UNTRAINED)


@dataclass(frozen=True)
class Method:
    """A method on the layers measured of three networks: the model, an untrained one, and, for each
    of these layers, the model with random weights in that layer.
    """

    trained: OnLayers
    fresh: OnLayers
    mixed: list[OnLayers]


@dataclass(frozen=True)
class Heard:
    """One clip by one method. made: its own sounds, (layer, clip) of one clip. sounds: by name,
    (layer, time), all of one energy. cost: multiplications and additions that made them.
    """

    made: Sonifications
    sounds: dict[str, Tensor]
    cost: int


class Methods:
    """The deconvnet and its rivals on some layers of a model, built one at a time.

    Each keeps its own copy of the weights of all networks.
    """

    names = (DEFAULT, *RIVALS)

    def __init__(
        self,
        model: SoundModel,
        card: ModelCard,
        layers: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.layers, self.model, self.fresh = layers, model, untrained(card, device)
        self.mixed = [randomised(model, card, [layer], device) for layer in layers]

    def __getitem__(self, name: str) -> Method:
        """Build a method; raises SonifyError for a layer that does not exist."""
        return Method(
            OnLayers(build_explainer(name, self.model), self.layers),
            OnLayers(build_explainer(name, self.fresh), self.layers),
            [
                OnLayers(build_explainer(name, network), [layer])
                for network, layer in zip(self.mixed, self.layers, strict=True)
            ],
        )


@torch.no_grad()
def heard(
    method: Method, x: Tensor, rule: str, phases: Tensor, energies: Tensor | None = None
) -> Heard:
    """Return a method's sounds of one clip x, (1, time), and their controls.

    phases: as `surrogates.draw_phases` has them. energies: of the sounds of each layer, (layer, 1);
    None to keep those of the method itself. Silence stays silent.
    """
    with FlopCounterMode(display=False) as counter:
        made = method.trained.most_active(x, rule)
    energies = surrogates.energy(made.signals) if energies is None else energies
    sounds = {
        SONIFICATION: made.signals,
        PHASE: surrogates.phase_randomised(made.signals, phases),
        UNTRAINED: method.fresh.most_active(x, rule).signals,
    }
    matched = {n: surrogates.matched(s, energies)[:, 0] for n, s in sounds.items()}
    return Heard(made, matched, counter.get_total_flops())
