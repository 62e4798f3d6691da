"""Figure: the effect of sonifications and their surrogates on the filters they were made from."""

import pandas as pd
from matplotlib.figure import Figure

from sonify.paper.labels import distinct_labels, measured_on
from sonify.reporting.control_values import stimulation_values
from sonify.reporting.drawing.sounds import Panel, figure_of_sounds

_ROWS = {
    "response": "activity relative to the clip's",
    "leads": "most active of its layer",
    "leads_random": "the same, of a filter\ndrawn at random",
}


def figure_stimulation(stimulation: pd.DataFrame, scale: str) -> Figure:
    """Response and fraction of clips at rank 1 by layer, from contract stimulation: a column for
    each run. Raises SonifyError without rows."""
    values = stimulation_values(stimulation[stimulation["sound"] != "clip"])
    named = distinct_labels(values)
    place = measured_on(stimulation) if len(stimulation) else ""
    rows = [
        [
            Panel(
                f"{label}\n{place}" if metric == "response" else "",
                words,
                values[(values["metric"] == metric) & (values["run"] == run)],
            )
            for run, label in named.items()
        ]
        for metric, words in _ROWS.items()
    ]
    return figure_of_sounds(rows, scale)
