"""Figure B.3: the sonification of a shifted input (section 3.2)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.figure_b3 import figure_b3

    return figure_b3(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_B3",
    title="Figure B.3: a shifted input",
    alt="Waveforms of an input, its sonification and the sonification of the delayed input "
    "shifted back; beside them, how well the two sonifications agree for several shifts; below, "
    "cross-correlations of an input with its sonification and with that of the delayed input.",
    read="Where the overlaid waveforms are one line, the sonification moved with its input. On "
    "the right, delays by multiples of the layer's stride (solid, filled) must agree "
    "exactly, up to rounding; all others (dashed, hollow) need not. Below, the paper’s own test: "
    "zeros are put before a clip and as many samples are cut off its end; the lag at which the "
    "clip matches best should be 0 for its own sonification, and minus the delay for that of the "
    "delayed clip.",
    paper="Any shift of the input shifts the sonification by the same amount (section 3.2).",
    tables=(
        "invariance",
        "invariance_example",
        "invariance_case",
    ),
    draw=_draw,
)
