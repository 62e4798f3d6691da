"""Ground truth: how far sonifications are single sources of clips whose stems are known."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.stems import figure_stems

    return figure_stems(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_stems",
    title="Ground truth: is a sonification one source of its clip?",
    alt="The fraction of a sound's power in its best source, its distortion, and how "
    "well it tells when and where that source sounds, against the layer; a column for each run.",
    read="Clips are mixtures whose stems are known. A filter that picks out one source lies above "
    "the clip itself, drawn as a curve too; one that does so by its bands alone does not lie above "
    "random phases. Bars are 95% intervals over seeds.",
    paper="It has no ground truth: what is heard in a sonification is judged by ear.",
    tables=("stems",),
    draw=_draw,
    beyond=True,
)
