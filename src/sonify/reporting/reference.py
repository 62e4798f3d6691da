"""The reference of all result tables, docs/results.md, from their contracts and nothing else.

`python -m sonify.reporting.reference` prints it.
"""

from sonify.contracts import tables
from sonify.contracts.tables import Contract
from sonify.runtime.errors import SonifyError
from sonify.runtime.yaml_files import read_yaml

_STAGES = ("data", "models", "sonification", "evaluation", "reporting")
_INTRODUCTION = """\
# Results, table by table

<!-- Made by python -m sonify.reporting.reference from the contracts: edit those. -->

Every table is a Parquet file that was checked against its contract when it was written: these
columns and types, no value out of range, no empty value where none is allowed, one row for each
key. The files carry the descriptions and units too. A name means the same in every table. The
queries below run in [DuckDB](https://duckdb.org) from the root of the repository, on files as they
are:

```python
import duckdb

duckdb.sql("SELECT * FROM 'results/evaluation/metrics.parquet'").df()
```

`results/results.duckdb` has a view of every table but `harvest`, whose files lie with the corpus.
Descriptions and units are its comments; a table of which there is no file is empty. In `make sql`
and in any program that opens it, `FROM metrics` needs no path; `table` is a word of SQL and is
written `"table"`.
"""


def reference() -> str:
    """Return the page as Markdown: tables by stage, each with its path, key, columns and a query.

    Raises SonifyError naming a contract without a query.
    """
    examples = queries()
    lines = [_INTRODUCTION]
    contracts = [tables.contract(name) for name in tables.names()]
    for stage in _STAGES:
        links = (f"[{c.name}](#{c.name.lower()})" for c in contracts if _stage(c) == stage)
        lines += [f"- {stage.capitalize()}: {', '.join(links)}"]
    for stage in _STAGES:
        lines += [f"\n## {stage.capitalize()}"]
        lines += [_section(c, examples[c.name]) for c in contracts if _stage(c) == stage]
    return "\n".join(lines) + "\n"


def queries() -> dict[str, str]:
    """Return an example query in DuckDB's SQL for each contract, by its name.

    They read files below the current folder. Raises SonifyError naming a contract without one.
    """
    examples = {}
    for name in tables.names():
        contract = read_yaml(tables.SCHEMAS / f"{name}.yaml")
        if "query" not in contract:
            raise SonifyError(f"{name}.yaml has no query: add an example that reads the table")
        examples[name] = contract["query"].strip()
    return examples


def _stage(contract: Contract) -> str:
    """Return the stage that writes a table, by its path; the harvest lies with the corpus."""
    root, stage = contract.path.split("/")[:2]
    return stage if root == "results" else "data"


def _section(contract: Contract, query: str) -> str:
    keys = ", ".join(f"`{name}`" for name in contract.key)
    head = ["column", "type", "unit", "range", "empty", "meaning"]
    rows = [head, ["---"] * len(head)] + [
        [
            f"`{name}`",
            column["type"],
            column.get("unit", ""),
            _range(column),
            "may be" if name in contract.nullable else "",
            _escaped(column["description"]),
        ]
        for name, column in contract.columns.items()
    ]
    return "\n".join(
        [
            f"\n### {contract.name}\n\n{_escaped(contract.description)}\n",
            f"`{contract.path}`, one row for each {keys}.\n",
            *("| " + " | ".join(row) + " |" for row in rows),
            f"\n```sql\n{query}\n```",
        ]
    )


def _range(column: dict) -> str:
    low, high = column.get("minimum"), column.get("maximum")
    if low is None:
        return "" if high is None else f"≤ {high}"
    return f"≥ {low}" if high is None else f"{low} to {high}"


def _escaped(text: str) -> str:
    """Escape what would read as HTML or as the end of a table cell."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")
