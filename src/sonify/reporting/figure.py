"""The declaration of a figure: its words, the tables that it is drawn from, how it is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _no_settings(plan: "Plan") -> dict:
    return {}


@dataclass(frozen=True)
class Numbers:
    """The numbers of a figure as a table, beside the authors' own.

    rows: from what `draw` is given, rows of contract curves. remark: what to know about the
    authors' numbers.
    """

    rows: Callable[..., "pd.DataFrame"]
    remark: str


@dataclass(frozen=True)
class FigureSpec:
    """One figure, declared by a module of `sonify.reporting.figures` as its `FIGURE`.

    These modules are imported while the Snakefile is read, so they are light: `draw` imports what
    it draws with.

    name: figure_<number>, also the name of the files. title, alt (what is drawn), read (how to read
    it) and paper (what the paper reports) are shown beside it; width is "page", or "column" for a
    single panel. tables: contracts, passed to `draw` by name as data frames, together with `scale`
    and what `settings` takes from the plan. numbers: the table that is written with it, if any.
    beyond: it shows what the paper does not measure, and is drawn by the target `beyond`.
    """

    name: str
    title: str
    alt: str
    read: str
    paper: str
    tables: tuple[str, ...]
    draw: Callable[..., "Figure"]
    settings: Callable[["Plan"], dict] = _no_settings
    width: str = "page"
    reading: Mapping[str, Callable[["Path"], "pd.DataFrame"]] = field(default_factory=dict)
    numbers: Numbers | None = None
    beyond: bool = False
    folded: bool = False

    @property
    def script(self) -> str:
        """Name of the script that draws it."""
        return f"{self.name.lower()}.py"

    @property
    def caption(self) -> dict[str, str]:
        """The words shown beside the figure; numbers is empty if it has no table, and folded if the
        page shows it at once.
        """
        words = {key: getattr(self, key) for key in ("title", "width", "alt", "read", "paper")}
        words["folded"] = "Show the figure" if self.folded else ""
        return words | {"numbers": self.numbers.remark if self.numbers else ""}
