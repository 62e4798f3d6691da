"""A page to listen to what filters heard in one recording: input beside each sonification."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined


@dataclass(frozen=True)
class Card:
    """One filter on the page. The pictures are PNG, the sound a WAV file, all as bytes."""

    layer: int
    filter: int
    activation: float
    time_s: float
    dead: bool
    sound: bytes
    input_picture: bytes
    picture: bytes


def recording_page(
    title: str, model: str, sound: bytes, cards: Sequence[Card], rate_hz: int
) -> str:
    """The page as HTML that needs no other file; `title` and `model` are escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode("ascii")
    return environment.from_string(TEMPLATE).render(
        title=title, model=model, sound=sound, cards=cards, top_khz=rate_hz / 2000
    )


TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sonify: {{ title }}</title>
<style>
:root { color-scheme: light dark; --line: #c9c9c9; --soft: #595959; }
@media (prefers-color-scheme: dark) { :root { --line: #4a4a4a; --soft: #b3b3b3; } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 1.5rem auto; padding: 0 1rem;
  max-width: 64rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
h2, h3 { margin: 0 0 .25rem; font-size: 1.05rem; }
h2 { margin-top: 1.5rem; }
img, audio { display: block; width: 100%; }
img { image-rendering: pixelated; border-radius: .25rem; margin-top: .5rem; }
audio { margin-top: .5rem; height: 2.25rem; }
p { margin: 0 0 .75rem; } .soft { color: var(--soft); }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="soft">What the most active filters of {{ model }} hear in it. Each pair of spectrograms,
0 to {{ "%g" | format(top_khz) }} kHz, has one scale: the recording above, the
sonification below.</p>
<h2>The recording</h2>
<audio controls src="data:audio/wav;base64,{{ sound | base64 }}"></audio>
<h2>Its sonifications</h2>
<div class="cards">
{% for card in cards %}
<article>
<h3>Layer {{ card.layer }}, filter {{ card.filter }}</h3>
<p class="soft">{% if card.dead %}dead: its feature map is zero throughout{% else %}activation
{{ "%.3g" | format(card.activation) }} at {{ "%.2f" | format(card.time_s) }} s{% endif %}</p>
<img alt="Spectrogram of the recording"
 src="data:image/png;base64,{{ card.input_picture | base64 }}">
<img alt="Spectrogram of the sonification"
 src="data:image/png;base64,{{ card.picture | base64 }}">
<audio controls preload="none" src="data:audio/wav;base64,{{ card.sound | base64 }}"></audio>
</article>
{% endfor %}
</div>
</body>
</html>
"""
