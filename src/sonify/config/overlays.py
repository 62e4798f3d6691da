"""Checks configuration files before Snakemake reads them.

Usage: `python -m sonify.config.overlays FILE...`

Snakemake names neither the file nor the line of a YAML fault, and silently keeps one of two
duplicate keys.
"""

import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from sonify.runtime.errors import ConfigError, one_sentence_errors

_MERGE = "tag:yaml.org,2002:merge"  # the key <<


class _Strict(yaml.SafeLoader):
    """Rejects a mapping that gives a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        written = [key for key, _ in node.value if key.tag != _MERGE]  # of its own, not merged in
        keys = [self.construct_object(key, deep=True) for key in written]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                line = written[at].start_mark.line + 1
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is given a second time",
                    problem_mark=yaml.Mark("", 0, line - 1, 0, None, 0),
                )
        return super().construct_mapping(node, deep)


def check_file(file: Path) -> None:
    """Raise ConfigError naming file, line and remedy unless `file` is a YAML mapping."""
    if not file.is_file():
        raise ConfigError(f"there is no configuration file {file}: correct CONFIG")
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file}, line {line}: that is not UTF-8: save it as UTF-8") from error
    try:
        settings = yaml.load(text, _Strict)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        fault = f"{file}, line {line}: {error.problem}"
        raise ConfigError(f"{fault}: correct the YAML there") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(
            f"{file}, line {line}: it has the control character {error.character!r}: delete it"
        ) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # a date or a number that is none, endless nesting
        raise ConfigError(f"{file}: {error}: correct the YAML there") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{file} has no keys at its top level: write it like config.yaml")


if __name__ == "__main__":
    with one_sentence_errors():
        for argument in sys.argv[1:]:
            check_file(Path(argument))
