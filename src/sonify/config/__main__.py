"""Check a configuration without Snakemake: `python -m sonify.config [FILE...]`.

As in `make run CONFIG="one.yaml two.yaml"`, the files are laid over the default configuration,
later ones on top; without a file the default itself is checked. Prints what the workflow would
train, or one sentence that names key, value and remedy, with exit status 1.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from sonify.config.loading import load
from sonify.config.overlays import check_file
from sonify.plan.plan import Plan
from sonify.runtime.errors import one_sentence_errors
from sonify.runtime.plurals import counted

DEFAULT = Path(__file__).with_name("default.yaml")  # config.yaml of the checkout


def overlaid(files: list[Path]) -> dict[str, Any]:
    """Return the default configuration with `files` laid over it, as Snakemake overlays them.

    Raises ConfigError for a file that is missing or is not a YAML mapping.
    """
    config: dict[str, Any] = {}
    for file in [DEFAULT, *files]:
        check_file(file)
        _lay_over(config, yaml.safe_load(file.read_text(encoding="utf-8")))
    return config


def _lay_over(config: dict[str, Any], changes: dict[str, Any]) -> None:
    """Merge mappings key by key; every other value replaces the one below it."""
    for key, value in changes.items():
        if isinstance(value, dict):
            if not isinstance(config.get(key), dict):
                config[key] = {}
            _lay_over(config[key], value)
        else:
            config[key] = value


@one_sentence_errors()
def main(arguments: list[str] | None = None) -> None:
    """Run the check; a faulty configuration ends it with one sentence and exit status 1."""
    parser = argparse.ArgumentParser(
        prog="python -m sonify.config",
        description="Check a configuration: files laid over the default one, later ones on top.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="later ones on top")
    config = overlaid(parser.parse_args(arguments).files)
    plan = Plan(load(config))
    runs = plan.training.runs
    counts = sorted({len(plan.seeds(run)) for run in runs})
    several = f"{counts[0]} to {counts[-1]} seeds"
    seeds = counted(counts[0], "seed") if len(counts) == 1 else several
    print(f"this configuration is valid: {counted(len(runs), 'training run')}, {seeds} each")


if __name__ == "__main__":
    main()
