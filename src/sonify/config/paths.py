"""The user's own paths in a configuration: written out, and looked for before any job.

They go into Snakemake's rules and the commands of jobs, where some letters have a meaning.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sonify.config.types import Config
from sonify.data.corpora.registry import DATASETS
from sonify.runtime.errors import ConfigError

_PATHS = ("path", "background_folder", "folder")  # keys whose values are folders of the user's
_FILES = "beside"  # the key of a block whose values are the user's files


def written_out(raw: dict[str, Any], where: str = "", files: bool = False) -> dict[str, Any]:
    """Return the plain configuration with `~` at the start of paths expanded, and `./` before a
    dash there, since a job would take it for an option.

    where: the key of this block, with a dot behind it; files: all values are paths. Raises
    ConfigError for `~somebody` whom this system does not know.
    """
    return {
        key: written_out(value, f"{where}{key}.", files=key == _FILES)
        if isinstance(value, dict)
        else _written_out(f"{where}{key}", value)
        if (files or key in _PATHS) and isinstance(value, str)
        else value
        for key, value in raw.items()
    }


def check_paths(config: Config) -> None:
    """Raise ConfigError for a path that no rule can have, or where what it names is not there."""
    for key, path in _in_rules(config):
        strange = sorted(letter for letter in path if letter in "{}<>" or not _is_plain(letter))
        if strange and strange[0] in "{}<>":
            raise ConfigError(
                f"config: {key} is {path!r}: Snakemake gives {strange[0]!r} a meaning of its own "
                "in paths; rename it or name a link to it"
            )
        if strange:
            raise ConfigError(
                f"config: {key} is {path!r}, which has the control character {strange[0]!r}: "
                "rename it or name a link to it"
            )
    for dataset, options in config.data.sources.items():
        if options.source == "local" and options.path is not None:
            _check_corpus(dataset, options.path)
    for name, recipe in config.training.recipes.items():
        folder = recipe.augmentation.background_folder
        if folder is not None and not _is(Path.is_dir, folder):
            raise ConfigError(
                f"config: training.recipes.{name}.augmentation.background_folder is {folder!r}, "
                "which is not a directory: correct it, or make it null to mix in clips of the batch"
            )
    for name, path in config.reporting.beside.items():
        if not _is(Path.is_file, path):
            raise ConfigError(
                f"config: reporting.beside has {path!r} for {name!r}, which is not a file: give "
                "the claims.parquet of a finished run, or leave it out"
            )
        if Path(path).resolve() == Path("results/reporting/claims.parquet").resolve():
            raise ConfigError(
                f"config: reporting.beside has this run's own claims for {name!r}: copy them, or "
                "leave them out"
            )


def _written_out(key: str, path: str) -> str:
    if path.startswith("-"):
        return f"./{path}"
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigError(
            f"config: {key} is {path!r}, and there is no such user here: write the path in full, "
            "or ./ before it if a folder is called so"
        ) from error


def _in_rules(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each path that is an input of some rule, or a part of one."""
    for dataset, options in config.data.sources.items():
        yield f"data.{dataset}.path", options.path or ""
    yield "evaluation.stems.folder", config.evaluation.stems.folder or ""
    yield from ((f"reporting.beside.{n!r}", path) for n, path in config.reporting.beside.items())


def _is_plain(letter: str) -> bool:
    return ord(letter) >= ord(" ") and letter != "\x7f"


def _check_corpus(dataset: str, path: str) -> None:
    key = f"data.{dataset}.path"
    if not _is(Path.is_dir, path):
        raise ConfigError(f"config: {key} is {path!r}, which is not a directory: correct it")
    lacking = DATASETS[dataset].missing(Path(path))
    if lacking:
        raise ConfigError(
            f"config: {key} is {path!r}, which lacks {', '.join(lacking)}: "
            "point it at the root of a complete copy"
        )


def _is(kind: Callable[[Path], bool], path: str) -> bool:
    """Tell whether there is such a thing; False also where no file can have that name, or none."""
    try:
        return bool(path) and kind(Path(path))
    except (OSError, ValueError):
        return False
