"""The page of one recording: its most active filters' sonifications beside the input."""

from collections.abc import Sequence
from dataclasses import dataclass

from sonify.reporting.page.templates import rendered


@dataclass(frozen=True)
class Card:
    """One filter on the page; pictures are PNG and the sound is WAV, all as bytes."""

    layer: int
    filter: int
    activation: float
    time_s: float
    dead: bool
    sound: bytes
    input_picture: bytes
    picture: bytes


def recording_page(
    title: str, model: str, sound: bytes, cards: Sequence[Card], rate_hz: int, how: str = ""
) -> str:
    """Return the page as HTML that needs no other file; `title`, `model` and `how` are escaped.

    how: how the sonifications were made, if not by the engine.
    """
    context = {"title": title, "model": model, "sound": sound, "cards": cards, "how": how}
    return rendered("recording.html.jinja", context | {"top_khz": rate_hz / 2000})
