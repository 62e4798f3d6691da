"""Figure 6 with controls: the effect of subtracting other sounds of equal energy."""

import pandas as pd
from matplotlib.figure import Figure

from sonify.paper.labels import distinct_labels, measured_on
from sonify.reporting.control_values import removal_values
from sonify.reporting.drawing.sounds import Panel, figure_of_sounds

_OWN, _SWEPT = "fall", "fall_at_fraction"


def figure_removal_controls(removal_controls: pd.DataFrame, scale: str) -> Figure:
    """Fall of mAP by layer and by energy, from contract removal_controls: a column for each run.

    Above, every sound with the energy of the sonification; below, means over layers by the fraction
    of the clip's energy that is subtracted. Raises SonifyError without rows.
    """
    values = removal_values(removal_controls)
    named = distinct_labels(values)
    place = measured_on(removal_controls) if len(removal_controls) else ""
    swept = values[values["metric"] == _SWEPT]
    fractions = sorted(swept["layer"].unique())
    ticks = {at: f"{fraction:g}" for at, fraction in enumerate(fractions, start=1)}
    swept = swept.assign(layer=swept["layer"].map({f: i for i, f in enumerate(fractions, 1)}))
    rows = []
    for metric, shown in ((_OWN, values[values["metric"] == _OWN]), (_SWEPT, swept)):
        words = "fall of mAP" if metric == _OWN else "fall of mAP,\nmean over layers"
        xlabel = "layer" if metric == _OWN else "energy subtracted, as a fraction of the clip's"
        rows.append(
            [
                Panel(
                    f"{label}\n{place}" if metric == _OWN else "",
                    words,
                    shown[shown["run"] == run],
                    xlabel,
                    {} if metric == _OWN else ticks,
                )
                for run, label in named.items()
            ]
        )
    return figure_of_sounds(rows if len(swept) else rows[:1], scale)
