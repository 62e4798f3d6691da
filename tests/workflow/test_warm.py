"""The forks that stand for processes behave as processes do."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from warm import THREADS, WORKFLOW, Warm, possible

SCRIPT = """
import os, signal, sys
import beside, of_the_library
print(sys.argv[1:], os.getcwd(), os.environ["WORD"], __name__, "decimal" in sys.modules)
print("heard", sys.stdin.read(), file=sys.stderr)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit({"fine": 0, "sentence": "error: a sentence", "status": 7}[sys.argv[1]])
"""
ENDLESS = """
import os, sys, time
from pathlib import Path
print("started", flush=True)
Path("pid.part").write_text(str(os.getpid()))
Path("pid.part").rename("pid")
time.sleep(600)
"""
IN_SHELL = '. "$0"; python "$@"'
forking = pytest.mark.skipif(not possible(), reason="nothing is forked on this system")


@pytest.fixture
def script(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "script.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "beside.py").touch()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "of_the_library.py").touch()
    return str(tmp_path / "scripts" / "script.py")


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


@pytest.fixture
def warm():
    """An interpreter that has imported a module which is no other's, and listens."""
    warm = Warm("decimal", threads=3)
    warm.start()
    until(warm.socket.exists)
    yield warm
    warm.stop()
    assert not warm.folder.exists()


@pytest.fixture
def shell(run, warm):
    """Run `python *arguments` in a shell that has read job.sh."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = {"SONIFY_WARM_FOLDER": str(warm.folder), "OMP_NUM_THREADS": "3", "PATH": path}

    def shell(*arguments: str, **more: str) -> tuple[int, str, str]:
        job = str(WORKFLOW / "job.sh")
        return run("bash", "-c", IN_SHELL, job, *arguments, **(found | more))

    return shell


def until(true) -> None:
    """Wait for it, a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


@forking
def test_a_fork_is_what_a_process_is_but_for_the_imports(script, run, shell, warm):
    fresh = run(sys.executable, script, "fine")
    assert fresh[1].endswith(" word __main__ False\n") and fresh[2] == "heard a word\n"
    for outcome in ("fine", "sentence", "status", "killed", "unknown"):
        code, printed, said = run(sys.executable, script, outcome)
        code = 128 - code if code < 0 else code  # of a signal
        forked = run(*warm.command, script, outcome)
        assert forked[:2] == (code, printed.replace("False", "True"))
        assert forked[2].splitlines()[-1] == said.splitlines()[-1]
        assert ("Traceback" in forked[2]) == (outcome == "unknown")
        assert shell(script, outcome) == forked


@forking
def test_a_job_knows_the_command_that_starts_more_of_it(shell, tmp_path):
    """By the launcher, wherever the job itself runs: so a training starts its ranks."""
    (tmp_path / "again.py").write_text("import sys; print(sys.orig_argv[1:])")
    command = [str(WORKFLOW / "launch.py"), "again.py", "x"]
    for folder in ({}, {"SONIFY_WARM_FOLDER": ""}):
        assert shell("again.py", "x", **folder) == (0, f"{command}\n", "")


def test_where_nothing_can_be_forked_a_process_is_started(script, run, shell, warm):
    fresh = run(sys.executable, script, "fine")
    assert shell(script, "fine", OMP_NUM_THREADS="2") == fresh, "of another number of threads"
    assert shell(script, "fine", SONIFY_WARM_FOLDER="") == fresh
    warm.stop()
    assert shell(script, "fine") == fresh
    assert run(*warm.command, script, "fine") == fresh


@forking
def test_what_nobody_has_heard_is_done_by_the_process_itself(script, run, warm):
    """The interpreter may be ended when a job has just connected."""
    fresh = run(sys.executable, script, "fine")
    for heard in (0, 8):
        with (
            tempfile.TemporaryDirectory(dir="/tmp") as folder,
            socket.socket(socket.AF_UNIX) as ear,
        ):
            ear.bind(f"{folder}/1")
            ear.listen()
            command = [*warm.command[:-1], f"{folder}/1", script, "fine"]
            with ThreadPoolExecutor() as pool:
                done = pool.submit(run, *command)
                connection, _ = ear.accept()
                until(lambda: connection.recv(9, socket.MSG_PEEK))  # noqa: B023
                connection.recv(heard)
                connection.close()
                assert done.result() == fresh


@forking
def test_the_first_job_of_a_script_may_be_kept_a_process(script, shell):
    kept = {"SONIFY_WARM": "second"}
    printed = [shell(script, "fine", **kept)[1].split()[-1] for _ in range(3)]
    assert printed == ["False", "True", "True"]


@forking
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_ends_with_the_process_that_it_stands_for(tmp_path, warm, end):
    (tmp_path / "endless.py").write_text(ENDLESS)
    client = subprocess.Popen(
        [*warm.command, "endless.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    until((tmp_path / "pid").exists)
    job = int((tmp_path / "pid").read_text())
    assert alive(job) and job != client.pid
    client.send_signal(end)
    printed, _ = client.communicate(timeout=60)  # when the job, too, has closed its output
    told = end == signal.SIGTERM  # which is the job's to hear
    assert printed == b"started\n" and client.returncode == (128 + end if told else -end)
    until(lambda: not alive(job))
    assert warm.interpreter.poll() is None


@forking
def test_control_c_ends_everything_without_a_word(tmp_path):
    """It reaches the whole group, as of a terminal."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    code = """
import subprocess, sys, time, signal
from warm import Warm
signal.signal(signal.SIGINT, signal.SIG_IGN)
warm = Warm("decimal")
warm.start()
while not warm.socket.exists():
    time.sleep(0.02)
child = dict(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
print(subprocess.run([*warm.command, "endless.py"], **child).returncode, flush=True)
warm.stop()
"""
    group = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(WORKFLOW)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    until((tmp_path / "pid").exists)
    os.killpg(group.pid, signal.SIGINT)
    printed, _ = group.communicate(timeout=60)
    assert printed == b"started\n-2\n"
    until(lambda: not alive(int((tmp_path / "pid").read_text())))


@forking
def test_control_c_does_not_interrupt_its_imports(tmp_path, monkeypatch, capfd):
    slow = "import time; from pathlib import Path; Path('importing').touch(); time.sleep(1)"
    (tmp_path / "slow.py").write_text(slow)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    warm = Warm("slow")
    warm.start()
    until((tmp_path / "importing").exists)
    warm.interpreter.send_signal(signal.SIGINT)
    until(warm.socket.exists)
    warm.stop()
    assert capfd.readouterr().err == ""


@forking
@pytest.mark.parametrize("while_importing", [True, False])
def test_it_ends_with_the_process_that_made_it_however_that_ends(tmp_path, while_importing):
    (tmp_path / "slow.py").write_text("import time; time.sleep(3)" if while_importing else "")
    code = """
import time
from warm import Warm
warm = Warm("slow")
warm.start()
print(warm.interpreter.pid, warm.folder, flush=True)
time.sleep(600)
"""
    library = f"{WORKFLOW}:{tmp_path}"
    maker = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": library},
        stdout=subprocess.PIPE,
        text=True,
    )
    pid, folder = maker.stdout.readline().split()
    if not while_importing:
        until(Path(folder, "1").exists)
    maker.kill()
    maker.communicate()
    until(lambda: not Path(folder).exists())
    until(lambda: not alive(int(pid)))


@forking
def test_it_has_the_surroundings_of_a_job(tmp_path, warm):
    """Allocator and numerical libraries read theirs when they are loaded."""
    held = Path("/proc", str(warm.interpreter.pid), "environ").read_bytes().split(b"\0")
    assert {f"{name}=3".encode() for name in THREADS} <= set(held)
    assert b"MALLOC_MMAP_MAX_=0" in held
