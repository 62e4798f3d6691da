"""What is checked before a run starts, and what its jobs compare."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from checkouts import digests

from sonify.runtime.errors import SonifyError

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
sys.path.append(str(ROOT / "workflow"))
import codedeps  # noqa: E402
import frozen  # noqa: E402
import preflight  # noqa: E402


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "workflow" / "preflight.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_result_of_the_future_is_named_before_anything_runs(tmp_path):
    file = tmp_path / "results" / "models" / "a" / "model.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    (file.parent / "dangling").symlink_to("nowhere")
    now = time.time()
    preflight.check_dates(tmp_path, now)
    os.utime(file, (now + 86_400, now + 86_400))
    with pytest.raises(SonifyError, match=r"model\.json is dated 20.*in the future.*--touch"):
        preflight.check_dates(tmp_path, now)
    assert run(tmp_path, "--touch").returncode == run(tmp_path, "--look").returncode == 0
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: results/models/a/model.json is dated ")


def test_what_a_killed_job_left_is_removed_unless_a_run_is_going_on(tmp_path):
    results, locks = tmp_path / "results", tmp_path / ".snakemake" / "locks"
    (results / ".gallery.partial" / "data").mkdir(parents=True)
    (results / ".gallery.partial" / "data" / "x.js").write_text("half")
    (results / ".sonifications.parquet.14104.partial").write_text("half")
    (results / "whole.parquet").write_text("whole")
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("")
    assert preflight.remove_unfinished(results, locks) == 0
    (locks / "0.output.lock").unlink()
    assert run(tmp_path, "--look").stderr == ""
    assert run(tmp_path).stderr == "removed 2 unfinished files of an earlier run\n"
    assert [f.name for f in results.iterdir()] == ["whole.parquet"]


def said_to_anybody(folder: Path) -> str:
    """What is said of a folder to a user who is not root, whom the system lets write anywhere."""
    if os.geteuid() != 0:
        return said_of(folder)
    receives, sends = os.pipe()
    if child := os.fork():
        os.close(sends)
        with os.fdopen(receives) as said:
            sentence = said.read()
        os.waitpid(child, 0)
        return sentence
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os.write(sends, said_of(folder).encode())
    finally:
        os._exit(0)


def said_of(folder: Path) -> str:
    try:
        preflight.check_writable(folder, folder / "absent")
    except SonifyError as error:
        return str(error)
    return "nothing"


@pytest.mark.parametrize(
    ("mode", "writable"), [(0o777, True), (0o555, False), (0o666, False)], ids=oct
)
def test_a_folder_without_permission_to_write_is_named(mode, writable):
    with TemporaryDirectory(dir="/tmp") as name:  # pytest's own are its user's alone
        Path(name).chmod(0o755)
        folder = Path(name).resolve() / "results"
        folder.mkdir()
        folder.chmod(mode)
        said = said_to_anybody(folder)
        folder.chmod(0o755)
    assert (said == "nothing") == writable, said
    sentence = (
        f"{folder} cannot be written to: mount it writable, or change its owner or permissions"
    )
    assert writable or said == sentence


@pytest.mark.parametrize("name", [".", "results", ".snakemake"])
def test_a_folder_that_is_mounted_read_only_is_named(tmp_path, name):
    place = tmp_path / name
    place.mkdir(exist_ok=True)
    mounted = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd . && '
    own = ["unshare", "--mount", "bash", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*own, f"{mounted} true", "", place], capture_output=True).returncode
    ):
        pytest.skip("this user may not mount anything")
    check = f'cd "{tmp_path}" && exec "{sys.executable}" "{ROOT}/workflow/preflight.py"'
    done = subprocess.run([*own, mounted + check, "", place], capture_output=True, text=True)
    sentence = f"error: {place.resolve()} cannot be written to: mount it writable, or change its "
    assert done.returncode == 1 and done.stderr.startswith(sentence), done.stderr


def test_a_link_to_nowhere_is_named(tmp_path):
    (tmp_path / "results").symlink_to("/nowhere/disk")
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: results is a link to /nowhere/disk, which is not a folder or not there: mount it, "
        "or point the link elsewhere\n"
    )


def test_a_profile_that_is_not_there_is_named(tmp_path):
    (tmp_path / "profiles" / "mine").mkdir(parents=True)
    (tmp_path / "profiles" / "mine" / "config.yaml").write_text("jobs: 2\n")
    for form in (["--workflow-profile", "profiles/slrum"], ["--workflow-profile=profiles/slrum"]):
        done = run(tmp_path, "--look", "--", "-n", *form, "data")
        assert done.returncode == 1
        assert done.stderr == (
            "error: --workflow-profile is profiles/slrum, which is not there: name a folder with a "
            "config.yaml, such as profiles/mine\n"
        )
    for name in ("profiles/mine", "mine", "none"):  # as Snakemake finds them
        assert run(tmp_path, "--", "--workflow-profile", name).returncode == 0


def test_a_profile_whose_executor_is_not_installed_is_named(tmp_path):
    file = tmp_path / "profiles" / "mine" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("executor: some-queue\n")
    done = run(tmp_path, "--", "--workflow-profile", "profiles/mine")
    assert done.returncode == 1
    assert done.stderr == (
        "error: profiles/mine/config.yaml has executor: some-queue, which is not installed here: "
        "install snakemake-executor-plugin-some-queue as the first lines of that file say\n"
    )
    file.write_text("executor: local\n")
    assert run(tmp_path, "--", "--workflow-profile", "profiles/mine").returncode == 0


def test_configuration_files_are_checked(tmp_path):
    (tmp_path / "my.yaml").write_bytes("a: Köln".encode("latin-1"))
    done = run(tmp_path, "my.yaml")
    assert done.returncode == 1
    assert done.stderr == "error: my.yaml, line 1: that is not UTF-8: save it as UTF-8\n"


def test_a_job_that_sees_another_configuration_or_code_refuses(tmp_path):
    (tmp_path / "src" / "sonify").mkdir(parents=True)
    code, environment = tmp_path / "src" / "sonify" / "a.py", {}
    code.write_text("1")
    config = {"seeds": [0, 1], "device": "cpu"}
    assert frozen.freeze(config, False, environment, tmp_path) is None  # a job started by hand
    assert frozen.freeze(config, True, environment, tmp_path) is None
    assert frozen.freeze(dict(reversed(config.items())), False, environment, tmp_path) is None
    sentence = frozen.freeze({**config, "seeds": [0]}, False, environment, tmp_path)
    assert (
        sentence is not None and "the configuration changed after this run began: let" in sentence
    )
    assert frozen.changed_code({}, tmp_path) is None
    assert frozen.changed_code(environment, tmp_path) is None
    code.with_name(".#a.py").symlink_to("user@host.7")  # as Emacs marks a file that is being edited
    assert frozen.changed_code(environment, tmp_path) is None
    code.write_text("2")
    after = "changed after this run began: let it stop, then run it again, which makes whatever"
    for edited, files in (
        ("a.py", "src/sonify/a.py"),
        ("c.py", "src/sonify/a.py, src/sonify/c.py"),
        ("b.py", "src/sonify/a.py, src/sonify/b.py, src/sonify/c.py"),
        ("d.py", "src/sonify/a.py, src/sonify/b.py, src/sonify/c.py and 1 more"),
    ):
        code.with_name(edited).write_text("2")
        sentence = f"the code ({files}) {after} the change affects"
        assert frozen.changed_code(environment, tmp_path) == sentence
        assert frozen.freeze(config, False, environment, tmp_path) == sentence
    both = frozen.freeze({}, False, environment, tmp_path)
    assert both is not None and both.startswith("the configuration and the code (src/sonify/a.py, ")


def test_of_code_that_is_gone_no_job_knows_the_name(tmp_path):
    script = tmp_path / "workflow" / "scripts" / "a.py"
    script.parent.mkdir(parents=True)
    script.write_text("1")
    script.with_name("b.py").write_text("2")
    frozen.freeze({}, True, environment := {}, tmp_path)
    script.unlink()
    sentence = frozen.changed_code(environment, tmp_path)
    assert sentence is not None and sentence.startswith("the code (files deleted) changed after")
    script.with_name("b.py").rename(script)  # the content of another
    sentence = frozen.changed_code(environment, tmp_path)
    assert sentence is not None and sentence.startswith("the code (workflow/scripts/a.py) changed")
    environment = {frozen.VARIABLE: '{"code": "of an older version, which kept no marks"}'}
    sentence = frozen.changed_code(environment, tmp_path)
    assert sentence is not None and sentence.startswith("the code changed after this run began")


def test_all_that_results_have_in_their_fingerprints_is_compared():
    compared = {file for pattern in frozen.CODE for file in frozen.ROOT.glob(pattern)}
    scripts = sorted((frozen.ROOT / "workflow" / "scripts").glob("*.py"))
    used = {
        file
        for s in scripts
        for file in (*codedeps.closure(s.name), *codedeps.static_files(s.name))
    }
    assert len(used) > 100 and used <= compared


@pytest.mark.slow
def test_a_clock_set_back_between_two_jobs_costs_one_of_them_once(workflow):
    """What was made by the earlier seems newer than what the later has made of it."""
    made, table = "results/data/raw/speech_commands-s0", "results/data/speech_commands-s0"
    table = f"{table}/manifest.parquet"
    workflow("--cores", "1", "--", table)
    before, hour_ago = digests(workflow.folder), time.time() - 3_600
    for file in workflow.folder.glob("results/data/speech_commands-s0/**/*"):
        os.utime(file, (hour_ago, hour_ago))
    for file in workflow.folder.glob(f"{made}/**/*"):
        os.utime(file)
    jobs = workflow.planned("--", table)
    assert jobs == {"prepare_speech_commands": 1}
    workflow("--cores", "1", "--", table)
    assert workflow.planned("--", table) == {} and digests(workflow.folder) == before
