"""The figures of the results page: their images, and the captions beside them."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

LARGE_BYTES = 200_000  # an SVG beyond this is made of pictures
_WEBP_QUALITY = 85


class Drawing(NamedTuple):
    """One drawn figure: its image, the names of all its files, and the words beside it.

    `caption` has title, width, alt, read and paper, as keys or as attributes.
    """

    image: bytes
    media_type: str
    files: tuple[str, ...]
    caption: Any


def drawings(files: Iterable[Path], captions: Mapping[str, Any]) -> dict[str, Drawing]:
    """Return the figures among `files` by name, in the order of `captions`.

    figure_6 comes from figure_6.svg and figure_6.png. Curves are shown as SVG; the PNG, as WebP,
    is shown where there is no SVG or it exceeds LARGE_BYTES (spectrograms become five times
    smaller). Other files are ignored.
    """
    by_suffix: dict[str, dict[str, Path]] = {name: {} for name in captions}
    for file in sorted(files):
        if file.suffix in (".svg", ".png") and file.stem in by_suffix:
            by_suffix[file.stem][file.suffix] = file
    return {
        name: Drawing(*_image(of), tuple(file.name for file in of.values()), captions[name])
        for name, of in by_suffix.items()
        if of
    }


def _image(files: dict[str, Path]) -> tuple[bytes, str]:
    svg, png = files.get(".svg"), files.get(".png")
    if svg and (png is None or svg.stat().st_size <= LARGE_BYTES):
        return svg.read_bytes(), "image/svg+xml"
    buffer = io.BytesIO()
    with Image.open(png) as picture:
        picture.convert("RGB").save(buffer, format="WEBP", quality=_WEBP_QUALITY)
    return buffer.getvalue(), "image/webp"


# width: column (one panel) or page. alt says what is drawn, read how to read it, paper what the
# paper found there.
FIGURES = {
    "figure_1": {
        "title": "Figure 1: both regimes, shallow and deep",
        "width": "page",
        "alt": "Spectrograms of inputs beside their sonifications, for shallow and deep layers, "
        "supervised and contrastive side by side.",
        "read": "Each pair shows a clip and what one filter keeps of it, on one scale of loudness. "
        "Narrow bright bands mean that the filter listens to few frequencies; a dark picture means "
        "that its map is hardly active.",
        "paper": "Layer 1 is alike in both regimes; in layers 8 and 9 contrastive filters are "
        "less band-selective and more active than supervised ones (section 3.3.1).",
    },
    "figure_2": {
        "title": "Figure 2: supervised filters of the middle layers",
        "width": "page",
        "alt": "Spectrograms of inputs beside their sonifications, supervised, middle layers.",
        "read": "The pairs follow a stated rule, unless the configuration names others: the "
        "filters with the highest activations, each with the highest-ranked of its top clips that "
        "this model shows nowhere else in Figures 1 to 3.",
        "paper": "The most remarkable supervised sonifications, a drill or the buzz of a fly, come "
        "from layers 3 to 7; deeper ones are mostly high-frequency noise (section 3.3.2).",
    },
    "figure_3": {
        "title": "Figure 3: deep contrastive filters",
        "width": "page",
        "alt": "Spectrograms of inputs beside their sonifications, contrastive, deep layers.",
        "read": "Chosen by the rule of Figure 2. Look for structure of the input that "
        "survives, such as harmonics or beats, while the rest is gone.",
        "paper": "Contrastive sonifications stay discernible as deep as layers 7 to 11: voices "
        "without the music, beats without the melody (section 3.3.2).",
    },
    "figure_4": {
        "title": "Figure 4: how many layers recognition needs",
        "width": "page",
        "alt": "Performance on validation clips against the number of blocks retained, for FSD50K "
        "and Speech Commands; a curve for each regime and finetuning, dashed lines for the whole "
        "encoder.",
        "read": "Each point is a classifier on the average of the last retained block. A curve "
        "above its dashed line means that the deepest layers do harm.",
        "paper": "Performance grows with layers; contrastive leads in the first ones, supervised "
        "in the deep ones on FSD50K, while on Speech Commands contrastive leads in all but the "
        "last two and the middle of the frozen stack beats its end (appendix B).",
    },
    "figure_5": {
        "title": "Figure 5: features during training",
        "width": "page",
        "alt": "Spectrograms of sonifications of fixed inputs: rows are filters, columns kept "
        "checkpoints, at most six of each; dead feature maps are marked.",
        "read": "From left to right the same filter hears the same clip, ever later in training.",
        "paper": "Some frequencies are emphasised more and more; dead units start with a full "
        "spectrum that fades, and there are no sudden jumps (section 3.4).",
    },
    "figure_6": {
        "title": "Figure 6: removing sonifications",
        "width": "page",
        "alt": "mAP against the layer whose sonification is removed, "
        "a curve for each pretraining, one panel per finetuning; at 0 and as dashed lines: nothing "
        "removed.",
        "read": "At each layer, the sonification of the most active feature map is subtracted from "
        "every clip, and what is left is classified. The further a curve lies below the dashed "
        "line of its colour, the more the removed sound mattered.",
        "paper": "mAP falls drastically at every layer; the fall varies less from layer to layer "
        "for fc-only models, and fully finetuned models are more robust (section 4.1).",
    },
    "figure_7": {
        "title": "Figure 7: coherence of input and sonification",
        "width": "column",
        "alt": "Mean top-k magnitude-squared coherence of inputs and sonifications against the "
        "layer, a curve for each regime; dotted line: the noise floor.",
        "read": "1 means that input and sonification agree at their most coherent frequencies; the "
        "dotted noise floor is what two unrelated noises would score.",
        "paper": "Coherence falls with depth for both regimes, and significantly faster for "
        "supervised training (section 4.2).",
    },
    "figure_B3": {
        "title": "Figure B.3: a shifted input",
        "width": "page",
        "alt": "Waveforms of an input, its sonification and the sonification of the delayed input "
        "shifted back; beside them, how well the two sonifications agree for several shifts.",
        "read": "Where the overlaid waveforms are one line, the sonification moved with its input. "
        "At the right, delays by multiples of the layer's stride (solid, filled) must agree "
        "exactly, up to rounding; all others (dashed, hollow) need not.",
        "paper": "Any shift of the input shifts the sonification alike (section 3.2).",
    },
    "figure_sensitivity_6": {
        "title": "Figure 6 under other choices",
        "width": "page",
        "alt": "The curves of Figure 6 in a small panel for each way to choose the most active "
        "feature map, and with the residual scaled back to the clip's peak.",
        "read": "Panels that look alike mean that the choice does not decide the result.",
        "paper": "It does not say which rule it used, nor whether residuals were rescaled.",
    },
    "figure_sensitivity_7": {
        "title": "Figure 7 under other choices",
        "width": "page",
        "alt": "The curves of Figure 7 in a small panel for each way to choose the most active "
        "feature map.",
        "read": "Panels that look alike mean that the choice does not decide the result.",
        "paper": "It does not say by which rule the most active map was chosen.",
    },
    "figure_strided": {
        "title": "Strided convolutions in place of pooling",
        "width": "page",
        "alt": "Coherence and correlation of the envelopes of inputs and sonifications against the "
        "layer, for an encoder with max-pooling and one with strided convolutions.",
        "read": "The left panel asks whether frequencies survive, the right one whether the course "
        "of loudness over time does.",
        "paper": "Strided convolutions distort the structure in time and give significantly worse "
        "sonifications than max-pooling with unpooling (section 3.2).",
    },
}
