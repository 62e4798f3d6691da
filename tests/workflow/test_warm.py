"""The forks that stand for processes behave as processes do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from warm import Warm

SCRIPT = """
import os, signal, sys
import beside, of_the_library
print(sys.argv[1:], os.getcwd(), os.environ["WORD"], __name__, "decimal" in sys.modules)
print("heard", sys.stdin.read(), file=sys.stderr)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit({"fine": 0, "sentence": "error: a sentence", "status": 7}[sys.argv[1]])
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "script.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "beside.py").touch()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "of_the_library.py").touch()
    return tmp_path / "scripts" / "script.py"


@pytest.fixture
def run(tmp_path):
    """Run a command with a script's surroundings: its status, what it printed, what it said."""
    made = {"WORD": "word", "PYTHONPATH": str(tmp_path / "src")}

    def run(*command: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **made, **more},
            input="a word",
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_fork_is_what_a_process_is_but_for_the_imports(script, run):
    imported = str(sys.platform == "linux")  # elsewhere nothing is forked
    with Warm("decimal") as warm:
        fresh = run(sys.executable, str(script), "fine")
        assert fresh[1].endswith(" word __main__ False\n") and fresh[2] == "heard a word\n"
        assert run(*warm.command, str(script), "fine") == fresh, "the first is a process of its own"
        for outcome in ("fine", "sentence", "status", "killed", "unknown"):
            code, printed, said = run(sys.executable, str(script), outcome)
            code = 128 - code if code < 0 else code  # of a signal
            forked = run(*warm.command, str(script), outcome)
            assert forked[:2] == (code, printed.replace("False", imported))
            assert forked[2].splitlines()[-1] == said.splitlines()[-1]
            assert ("Traceback" in forked[2]) == (outcome == "unknown")
            in_a_shell = f'python "{script}" {outcome}'
            assert run("bash", "-c", in_a_shell, BASH_ENV=str(warm.functions)) == forked
    assert not Path(warm.folder.name).exists()
