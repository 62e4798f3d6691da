"""Check for faults before Snakemake starts: `python workflow/preflight.py [options] FILE...`.

Each would otherwise end in a traceback, or in work that is thrown away. FILE are the configuration
files; what follows after `--` is for Snakemake; results are those below the current folder. `make
run` calls it.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import yaml
from alive import remove_dead

from sonify.config.overlays import check_file
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.plurals import counted

RESULTS, SNAKEMAKE = Path("results"), Path(".snakemake")
OWN_EXECUTORS = ("local", "dryrun", "touch")  # of Snakemake itself
TOLERANCE_S = 60  # by which clocks of a file server and of this machine may differ


def check_writable(*folders: Path) -> None:
    """Raise SonifyError for a folder that exists and cannot be written to, or a link to none."""
    for folder in folders:
        if folder.is_symlink() and not folder.is_dir():
            raise SonifyError(
                f"{folder} is a link to {folder.readlink()}, which is not a folder or not there: "
                "mount it, or point the link elsewhere"
            )
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise SonifyError(
                f"{folder.resolve()} cannot be written to: mount it writable, or change its owner "
                "or permissions"
            )


def check_dates(results: Path, now: float) -> None:
    """Raise SonifyError for a result dated in the future: what is made from it seems older."""
    for file in _files(results):
        try:
            changed = file.stat().st_mtime
        except OSError:  # gone meanwhile, or a dangling link
            continue
        if changed > now + TOLERANCE_S:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(changed))
            raise SonifyError(
                f"{file} is dated {when}, which is in the future, so that whatever is made from it "
                "would be thrown away: correct the clock, or date all results anew with make run "
                "ARGS=--touch"
            )


def check_profile(asked: Sequence[str]) -> None:
    """Raise SonifyError for a --workflow-profile among the options `asked` of Snakemake that is not
    there, or whose executor is not installed.

    Snakemake leaves the one out and asks for --cores, with which it would run all jobs here; for
    the other it lists all its options.
    """
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--workflow-profile", nargs="?", default=None)
    name = options.parse_known_args(asked)[0].workflow_profile
    if name in (None, "none"):
        return
    places = [place for place in (Path(name), Path("profiles", name)) if place.exists()]
    if not places:
        known = sorted(str(file.parent) for file in Path("profiles").glob("*/config.yaml"))
        raise SonifyError(
            f"--workflow-profile is {name}, which is not there: name a folder with a config.yaml, "
            f"such as {' or '.join(known)}"
        )
    file = places[0] if places[0].is_file() else places[0] / "config.yaml"
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return  # Snakemake says so, or finds a file for its version
    executor = given.get("executor") if isinstance(given, dict) else None
    plugin = f"snakemake-executor-plugin-{executor}"
    if executor not in (None, *OWN_EXECUTORS) and not find_spec(plugin.replace("-", "_")):
        raise SonifyError(
            f"{file} has executor: {executor}, which is not installed here: install {plugin} as "
            "the first lines of that file say"
        )


def remove_unfinished(results: Path, locks: Path) -> int:
    """Remove what killed jobs left half-written, unless a run is going on; return their number."""
    if locks.is_dir() and any(locks.iterdir()):
        return 0
    unfinished = list(results.glob("**/.*.partial"))
    for place in unfinished:
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    return len(unfinished)


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


@one_sentence_errors()
def main() -> None:
    """Check all; a fault ends it with one sentence and exit status 1."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("files", nargs="*", type=Path, help="configuration files")
    options.add_argument("--look", action="store_true", help="nothing will be run or removed")
    options.add_argument("--touch", action="store_true", help="all results will be dated anew")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    args = options.parse_args(words[:end])
    for file in args.files:
        check_file(file)
    check_profile(words[end + 1 :])
    if args.look:
        return
    check_writable(Path(), RESULTS, SNAKEMAKE)
    if not args.touch:
        check_dates(RESULTS, time.time())
    said = remove_dead(SNAKEMAKE)
    if said:
        sys.stderr.write(f"{said}\n")
    removed = remove_unfinished(RESULTS, SNAKEMAKE / "locks")
    if removed:
        sys.stderr.write(f"removed {counted(removed, 'unfinished file')} of an earlier run\n")


if __name__ == "__main__":
    main()
