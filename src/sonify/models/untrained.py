"""Networks as they are before training, wholly or layer by layer: controls for its effect."""

from collections.abc import Collection

import torch

from sonify.models.checkpoint import ModelCard, build
from sonify.models.heads import SoundModel
from sonify.runtime.seeds import seed_for


def untrained(card: ModelCard, device: torch.device | str = "cpu") -> SoundModel:
    """Return a network of the card's architecture with initial weights, drawn by the card's name.

    They are others than those that training began with.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("untrained", card.run, card.seed))
        return build(card).to(device).eval()


def randomised(
    model: SoundModel, card: ModelCard, layers: Collection[int], device: torch.device | str = "cpu"
) -> SoundModel:
    """Return a copy of the model whose `layers`, from 1, are those of the `untrained` network.

    Cascading randomisation (Adebayo et al. 2018) takes ever more of them, from one end on.
    """
    copy = untrained(card, device)
    fresh = {name: values.clone() for name, values in copy.state_dict().items()}
    copy.load_state_dict(model.state_dict())
    named = tuple(f"encoder.trunk.conv{layer}." for layer in layers)
    drawn = {name: values for name, values in fresh.items() if name.startswith(named)}
    copy.load_state_dict(drawn, strict=False)
    return copy
