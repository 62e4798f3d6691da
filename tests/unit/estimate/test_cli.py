"""The command: what it prints, what it writes, and how it refuses."""

import json

import pytest

from sonify.estimate.__main__ import main


def test_a_stated_device_needs_no_torch_and_writes_json(tmp_path, capsys):
    out = tmp_path / "bill.json"
    main(["--device", "processor", "--devices", "2", "--json", str(out)])
    told, written = capsys.readouterr().out, json.loads(out.read_text("utf-8"))
    assert told.startswith("| stage | jobs |") and "on 2 × processor" in told
    assert written["devices"] == 2 and written["cost"] is None
    assert {line["stage"] for line in written["lines"]} >= {"train", "score", "reporting"}


def test_times_of_a_finished_run_stand_beside_the_estimate(tmp_path, capsys):
    folder = tmp_path / "benchmarks"
    for name in ("train/supervised-s0", "train/contrastive-s0", "stems/contrastive-s0"):
        file = folder / f"{name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("s\tcpu_s\tpeak_mb\n36\t30\t500\n")
    main(["--device", "processor", "--measured", str(folder)])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line[:2] == "| "]
    assert rows[0][-2:] == ["measured", "times off |"]
    assert [row[0] for row in rows[1:] if "--" not in row[0]] == ["| train"]
    assert rows[-1][1] == "2" and rows[-1][-2] == "0.0167"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--device", "abacus"], "there is no device 'abacus': name one of "),
        (["--device", "h200", "--devices", "0"], "--devices is 0: it must be a finite nu"),
        (["--device", "h200", "--bandwidth", "-1"], "--bandwidth is -1: it must be a fin"),
        (["--device", "h200", "--bandwidth", "nan"], "--bandwidth is nan: it must be a finite nu"),
        (["--device", "h200", "--price", "inf"], "--price is inf: it must be a finite number ab"),
        (["--json", "nowhere/bill.json"], "--json is nowhere/bill.json: there is no folder nowh"),
        (["--device", "h200", "--measured", "nowhere"], "--measured is nowhere, which holds no t"),
        (["nowhere.yaml"], "there is no configuration file nowhere.yaml"),
    ],
)
def test_what_cannot_be_estimated_is_one_sentence(arguments, sentence):
    with pytest.raises(SystemExit, match=sentence):
        main(arguments)


def test_a_training_that_processes_share_is_said_to_be_counted_as_one_s(tmp_path, capsys):
    (tmp_path / "shared.yaml").write_text("training: {processes: 3}\n", encoding="utf-8")
    main(["--device", "h200", str(tmp_path / "shared.yaml")])
    assert "Not counted: that 3 processes share each training" in capsys.readouterr().out
    main(["--device", "h200"])
    assert "Not counted" not in capsys.readouterr().out


def test_recordings_of_ones_own_are_not_guessed(tmp_path):
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "clips.csv").write_text("file,split,labels\n")
    overlay = tmp_path / "own.yaml"
    overlay.write_text(
        f"data: {{folder: {{source: local, path: {tmp_path / 'sounds'}}}}}\n", encoding="utf-8"
    )
    with pytest.raises(SystemExit, match="data.folder holds recordings of your own"):
        main(["--device", "h200", str(overlay)])
