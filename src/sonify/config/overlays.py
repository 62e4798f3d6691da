"""Checks configuration files before Snakemake reads them.

Usage: `python -m sonify.config.overlays FILE...`

Snakemake names neither file nor line of a YAML fault, and of a key given twice silently keeps one.
"""

import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from sonify.runtime.errors import ConfigError, one_sentence_errors


class _Strict(yaml.SafeLoader):
    """Refuses a mapping that gives a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                line = node.value[at][0].start_mark.line + 1
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is given a second time",
                    problem_mark=yaml.Mark("", 0, line - 1, 0, None, 0),
                )
        return super().construct_mapping(node, deep)


def check_file(file: Path) -> None:
    """Raise ConfigError naming file, line and remedy unless `file` is a YAML mapping."""
    if not file.is_file():
        raise ConfigError(f"there is no configuration file {file}: correct CONFIG")
    try:
        settings = yaml.load(file.read_text(encoding="utf-8"), _Strict)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}, line {line}: {error.problem}: mend the YAML there") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{file} has no keys at its top level: write it like config.yaml")


if __name__ == "__main__":
    with one_sentence_errors():
        for argument in sys.argv[1:]:
            check_file(Path(argument))
