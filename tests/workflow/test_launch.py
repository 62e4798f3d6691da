"""What ends a script before it begins, while it imports what it needs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REMEDY = (
    "give the job more memory (mem_mb on a cluster), or run fewer jobs at once or smaller batches"
)
LIMIT_KB = 900_000  # of addresses, in which Python and NumPy have room, and PyTorch's libraries not
limited = pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")


@pytest.fixture
def shell(tmp_path):
    """Run a command in a shell that has read job.sh: its status and all that it printed."""
    (tmp_path / "results" / "logs").mkdir(parents=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    usual = {"PATH": path, "ROOT": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "SONIFY_WARM_FOLDER": ""}

    def shell(command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", f'. "{ROOT}/workflow/job.sh"; {command}'],
            cwd=tmp_path,
            env=os.environ | usual,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout

    return shell


@limited
@pytest.mark.parametrize(
    "command",
    [
        "job results/logs/x.log train.py --help",
        "python -m sonify --help",
        f"cd '{ROOT}'; make --no-print-directory -o setup estimate VENV='{sys.prefix}'",
    ],
    ids=["job", "sonify", "estimate"],
)
def test_too_little_memory_to_import_pytorch_is_one_sentence(shell, command):
    code, said = shell(f"ulimit -v {LIMIT_KB}; {command}")
    sentence, *rest = said.splitlines()
    place = r"error: out of memory: \S+: failed to map segment from shared object: "
    assert re.fullmatch(place + re.escape(REMEDY), sentence), said
    assert code and all(re.match(r"make(\[\d+\])?: ", line) for line in rest), said


BIG = "\n".join(
    [
        "import mmap, resource",
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))",
        "try:",
        "    mmap.mmap(-1, 2**31)",
        "except OSError as why:",
        "    raise ImportError('{words}') from why",
    ]
)


@limited
@pytest.mark.parametrize("words", ["see above", "\\\\nIMPORTANT: PLEASE READ THIS"])
def test_memory_that_a_package_reports_at_length_is_told_as_it_was(shell, tmp_path, words):
    (tmp_path / "script.py").write_text(BIG.format(words=words))
    said = f"error: out of memory: [Errno 12] Cannot allocate memory: {REMEDY}\n"
    assert shell("python script.py") == (1, said)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise MemoryError", f"error: out of memory: the system gives no more: {REMEDY}\n"),
        ("open('nowhere')", "error: No such file or directory: nowhere\n"),
        ("raise KeyboardInterrupt", ""),
    ],
)
def test_what_a_user_can_fix_while_importing_is_one_sentence(shell, tmp_path, script, said):
    (tmp_path / "needed.py").write_text(script)
    (tmp_path / "script.py").write_text("import needed")
    assert shell("python script.py") == (130 if not said else 1, said)


def test_a_job_that_was_killed_is_said_to_be_so_on_the_console_and_in_its_log(shell, tmp_path):
    (tmp_path / "script.py").write_text("import os; os.kill(os.getpid(), 9)")
    code, said = shell("SCRIPTS=$PWD job results/logs/x.log script.py")
    sentence = "error: this job was ended by SIGKILL, perhaps for lack of memory: the same command "
    assert code == 137 and said.splitlines()[-1] == sentence + "goes on from what it has kept"
    assert (tmp_path / "results/logs/x.log").read_text() == said
    (tmp_path / "script.py").write_text("raise SystemExit(3)")
    assert shell("SCRIPTS=$PWD job results/logs/x.log script.py") == (3, "")


def test_a_job_of_a_run_that_was_told_to_end_does_not_begin(shell, tmp_path):
    (tmp_path / "script.py").write_text("open('begun', 'w')")
    assert shell("SONIFY_TOLD=SIGTERM SCRIPTS=$PWD job results/logs/x.log script.py") == (143, "")
    assert not (tmp_path / "begun").exists()


def test_a_bug_keeps_its_traceback_which_begins_in_the_script(shell, tmp_path):
    (tmp_path / "needed.py").write_text("import nothing_such")
    (tmp_path / "script.py").write_text("import needed")
    expected = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "ModuleNotFoundError" in expected.stderr
    there = expected.stderr.replace(f"{tmp_path}/", "")
    code, said = shell("python script.py")
    assert (code, said.replace(f"{tmp_path}/", "")) == (1, there)


def test_the_command_that_is_installed_imports_nothing_that_is_large():
    """Or its imports would fail outside of what makes a sentence of it."""
    table = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    entry = re.search(r'^sonify = "([\w.]+):(\w+)"$', table, re.MULTILINE)
    code = f"from {entry[1]} import {entry[2]}; import sys; print(*{{'torch', 'numpy'}} & "
    done = subprocess.run(
        [sys.executable, "-c", code + "{*sys.modules})"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
