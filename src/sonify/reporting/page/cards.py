"""The cards of Snakemake's report, whose viewer shows HTML files but no tables and no sounds.

A file for each table, for the claims, for the accounts, and for each model and layer to listen to.
None needs another file or a network.
"""

from pathlib import Path

from sonify.reporting.page.build import Content, context
from sonify.reporting.page.templates import rendered
from sonify.runtime.folders import whole_folder


def cards(content: Content) -> dict[str, str]:
    """Return the cards as HTML, by path below their folder; text from tables is escaped.

    tables/table_A1.html and so on, claims.html, clips.html, time.html, and
    listening/<model>/layer_01.html for every model to listen to and layer of the settings. Raises
    SonifyError for an unknown scale.
    """
    shared = context(content, residual=True)
    made = {
        "claims.html": _card("The paper’s claims", ["verdicts"], shared),
        "clips.html": _card("Every listed clip accounted for", ["clips"], shared),
        "time.html": _card("Where the time went", ["time"], shared),
    }
    for table in shared["tables"]:
        path = f"tables/table_{table['name']}.html"
        made[path] = _card(table["title"], ["conventions", "table"], shared | {"table": table})
    for layer in shared["layers"]:
        for column in layer["columns"]:
            path = f"listening/{column['model']}/layer_{layer['layer']:02d}.html"
            heading = f"Layer {layer['layer']}, {column['regime']}"
            own = shared | {"layer": layer, "column": column}
            made[path] = _card(heading, ["hearing", "column"], own)
    return made


def write(made: dict[str, str], folder: Path) -> None:
    """Write cards into `folder`; its subfolders, each written whole, exist even if empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("tables", "listening"):
        with whole_folder(folder / part) as inside:
            for path, text in made.items():
                if path.startswith(f"{part}/"):
                    file = inside / path.removeprefix(f"{part}/")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(text, encoding="utf-8")
    for path, text in made.items():
        if "/" not in path:
            (folder / path).write_text(text, encoding="utf-8")


def _card(heading: str, parts: list[str], shared: dict) -> str:
    """Return a card of the template parts of these names, in order."""
    return rendered("card.html.jinja", shared | {"heading": heading, "parts": parts})
