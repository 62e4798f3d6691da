"""Figure 7 with controls: coherence of clips with sounds not shaped by training."""

import pandas as pd
from matplotlib.figure import Figure

from sonify.paper.labels import distinct_labels, measured_on
from sonify.reporting.control_values import coherence_control_values
from sonify.reporting.drawing.sounds import Panel, figure_of_sounds, is_cascade

_ROWS = (
    ("coherence", False, "mean top-k coherence"),
    ("coherence", True, "the same, layers randomised"),
    ("flatness", False, "spectral flatness"),
    ("active_fraction", False, "active fraction"),
)


def figure_coherence_controls(coherence_controls: pd.DataFrame, scale: str) -> Figure:
    """Coherence, flatness and active fraction by layer, from contract coherence_controls: a column
    for each run. Raises SonifyError without rows."""
    values = coherence_control_values(coherence_controls)
    named = distinct_labels(values)
    place = measured_on(coherence_controls) if len(coherence_controls) else ""
    cascades = values["sound"].map(is_cascade).astype(bool)
    own = values["sound"] == "sonification"
    rows = []
    for at, (metric, cascade, words) in enumerate(_ROWS):
        shown = values[(values["metric"] == metric) & ((cascades == cascade) | own)]
        titles = {run: "" if at else f"{label}\n{place}" for run, label in named.items()}
        rows.append([Panel(titles[run], words, shown[shown["run"] == run]) for run in named])
    return figure_of_sounds(rows, scale)
