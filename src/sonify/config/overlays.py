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

from sonify.config import letters
from sonify.runtime.errors import ConfigError, one_sentence_errors

_MERGE = "tag:yaml.org,2002:merge"  # the key <<


class _LetterError(yaml.MarkedYAMLError):
    """A letter that YAML reads otherwise than it looks; the problem names its remedy."""


class _Strict(yaml.SafeLoader):
    """Rejects a mapping that gives a key twice, and letters that look like others."""

    def scan_plain(self) -> yaml.ScalarToken:
        token = super().scan_plain()
        _check_letters(token, letters.in_plain(token.value))
        return token

    def scan_flow_scalar(self, style: str) -> yaml.ScalarToken:
        try:
            token = super().scan_flow_scalar(style)
        except yaml.MarkedYAMLError as error:
            if "escape" in str(error.problem):
                raise _LetterError(None, None, letters.BACKSLASH, error.problem_mark) from error
            raise
        if style == '"':
            start, end = token.start_mark, token.end_mark
            written = start.buffer[start.pointer : start.pointer + end.index - start.index]
            _check_letters(token, letters.in_double_quotes(written), written)
        return token

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


def _check_letters(
    token: yaml.ScalarToken, found: tuple[int, str] | None, written: str = ""
) -> None:
    if found:
        mark = token.start_mark
        line = mark.line + written[: found[0]].count("\n")
        at = yaml.Mark(mark.name, mark.index, line, mark.column, None, 0)
        raise _LetterError(None, None, found[1], at)


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
    if content.count(b"\0") > len(content) / 4:
        raise ConfigError(f"{file}, line 1: that is UTF-16, not UTF-8: save it as UTF-8")
    if found := letters.breaks(text):
        line = text[: found[0]].count("\n") + 1
        raise ConfigError(f"{file}, line {line}: {found[1]}")
    try:
        settings = yaml.load(text, _Strict)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        fault = f"{error.problem}: correct the YAML there"
        if isinstance(error, _LetterError):
            fault = str(error.problem)
        elif "'\\t'" in str(error.problem):
            fault = letters.TAB
        raise ConfigError(f"{file}, line {line}: {fault}") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        letter = letters.named(text[error.position])
        raise ConfigError(f"{file}, line {line}: there is a {letter}: delete it") from error
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
