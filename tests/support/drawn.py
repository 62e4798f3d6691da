"""What tests look for in a drawn figure."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection

from sonify.reporting.drawing.authors import LABEL


def shown(axes, style=None):
    """Lines of our own curves."""
    bars = [line for bar in theirs(axes) if isinstance(bar, tuple) for line in bar.lines[:1]]
    others = [*theirs(axes), *bars]
    lines = [one for one in axes.lines if one.get_label() != "_edge" and one not in others]
    return [line for line in lines if style is None or line.get_linestyle() == style]


def bands(axes):
    """Bands around our own curves."""
    return [c for c in axes.collections if isinstance(c, PolyCollection) and c not in theirs(axes)]


def theirs(axes):
    """Whatever shows the authors' numbers: lines, bands and bars."""
    return [a for a in (*axes.lines, *axes.collections, *axes.containers) if a.get_label() == LABEL]


def texts(figure):
    """Visible texts with their extents in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [*figure.legends[0].get_texts(), *figure.texts]
    for axes in figure.axes:
        found += [
            axes.xaxis.label,
            axes.yaxis.label,
            axes.title,
            axes._left_title,
            axes._right_title,
        ]
        first = figure.axes[0]
        shared = axes is not first and first.get_shared_y_axes().joined(first, axes)
        vertical = [] if shared else [axes.yaxis]
        for axis in (axes.xaxis, *vertical):
            low, high = axis.get_view_interval()
            ticks = zip(axis.get_majorticklocs(), axis.get_major_ticks(), strict=True)
            found += [tick.label1 for value, tick in ticks if low <= value <= high]
    return [(t, t.get_window_extent(renderer)) for t in found if t.get_text() and t.get_visible()]
