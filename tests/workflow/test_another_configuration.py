"""A job that a cluster starts reads the workflow again, and compares it with the run's."""

import json

import frozen

JOB = ("--mode", "subprocess", "--cores", "1")  # as Snakemake calls itself for a job
PLAN = ("--dry-run", "--quiet", "all", "--", "results/data/raw/speech_commands-s0")


def test_the_workflow_refuses_a_job_of_another_configuration_but_no_run(workflow, monkeypatch):
    monkeypatch.setenv(frozen.VARIABLE, json.dumps({"configuration": "the run's"}))
    said = workflow(*JOB, *PLAN, fails=True)
    refusal = "error: the configuration changed after this run began: let it stop, then run it "
    assert refusal in said and "Traceback" not in said, said
    assert "error" not in workflow(*PLAN), "a run begins with its own, whatever it has inherited"


def test_names_that_are_no_text_are_left_to_the_checks(workflow, tmp_path):
    """`temperature: 0,5` in braces is two entries, the second with the number 5 for its name."""
    (tmp_path / "comma.yaml").write_text(
        "training: {recipes: {contrastive: {temperature: 0,5}}}", encoding="utf-8"
    )
    said = workflow("--dry-run", "--configfile", str(tmp_path / "comma.yaml"), fails=True)
    assert "error: config: the name 5 in contrastive is not text: put it in quotes" in said
    assert "Traceback" not in said and "TypeError" not in said, said
