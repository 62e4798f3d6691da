"""Table A.4 of the paper, as data: what we are measured against."""

from typing import NamedTuple

METRICS = ("mAP", "mAUC", "d_prime")


class PaperRow(NamedTuple):
    """One line of Table A.4: means over runs with the half-widths of their 95% intervals.

    pretraining is none, contrastive or supervised; finetune is none ("NA" in the paper's column
    fconly), fconly ("True") or full ("False"). Each measure is (mean, half-width).
    """

    row: int
    architecture: str
    pretraining: str
    finetune: str
    mAP: tuple[float, float]
    mAUC: tuple[float, float]
    d_prime: tuple[float, float]
    source: str


_SOURCE = "Table A.4 (section A.3.2), line {}"
_LINES = (
    ("CNN12", "none", "none", (0.362, 0.006), (0.909, 0.001), (1.889, 0.010)),
    ("CNN12", "contrastive", "fconly", (0.306, 0.007), (0.873, 0.003), (1.611, 0.024)),
    ("CNN12", "contrastive", "full", (0.424, 0.004), (0.921, 0.001), (2.001, 0.006)),
    ("CNN12", "supervised", "fconly", (0.463, 0.002), (0.935, 0.001), (2.144, 0.015)),
    ("CNN12", "supervised", "full", (0.448, 0.004), (0.928, 0.003), (2.068, 0.028)),
    ("CNN12_x2", "contrastive", "fconly", (0.307, 0.006), (0.869, 0.004), (1.584, 0.020)),
    ("CNN12_x2", "contrastive", "full", (0.432, 0.003), (0.924, 0.001), (2.032, 0.004)),
)
TABLE_A4 = tuple(PaperRow(i, *line, _SOURCE.format(i)) for i, line in enumerate(_LINES, 1))
