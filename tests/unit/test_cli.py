"""The `sonify` command on a recording, and its complaints."""

import re

import numpy as np
import pytest
import soundfile
import torch

from sonify.cli import main
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.recording import hear


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    card = checkpoint.ModelCard(
        run="contrastive",
        seed=0,
        dataset="audioset",
        regime="contrastive",
        finetune="none",
        architecture=Architecture(width=1 / 16),
        architecture_name="CNN12",
        head="projection",
        outputs=8,
    )
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(3)
    made = checkpoint.build(card)
    with torch.no_grad():
        made.encoder.trunk.conv2.bias[5] = -1e6  # one dead filter
    checkpoint.save(folder, made, card)
    return folder


@pytest.fixture
def clip(tmp_path, rng):
    file = tmp_path / "my <clip>.wav"
    soundfile.write(file, rng.standard_normal((22_050, 2)) * 0.1, 22_050)
    return file


def test_it_writes_sounds_pictures_and_a_page(model, clip, tmp_path, capsys):
    out = tmp_path / "out"
    main(
        [
            str(clip),
            "--checkpoint",
            str(model),
            "--layer",
            "1",
            "8",
            "--top",
            "3",
            "--out",
            str(out),
        ]
    )
    sounds = sorted(f.name for f in out.glob("layer*.wav"))
    assert len(sounds) == 6 and len(list(out.glob("*.png"))) == 12
    original, rate = soundfile.read(out / "input.wav")
    assert (
        rate == 8000
        and len(original) == 8000
        and np.abs(original).max() == pytest.approx(1, abs=1e-3)
    )
    for name in sounds:
        signal, _ = soundfile.read(out / name)
        assert len(signal) == len(original) and np.abs(signal).max() == pytest.approx(1, abs=1e-3)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 7 and "my &lt;clip&gt;.wav" in page and "http" not in page
    told = capsys.readouterr().err
    assert len(re.findall(r"^layer +\d+  filter +\d+  activation", told, re.MULTILINE)) == 6
    assert "6 sonifications of 1.0 s: listen at" in told


def test_filters_are_those_asked_for_and_a_dead_one_is_said_to_be(model, clip, tmp_path, capsys):
    arguments = [
        str(clip),
        "--checkpoint",
        str(model),
        "--layer",
        "2",
        "--out",
        str(tmp_path / "o"),
    ]
    main([*arguments, "--filter", "5", "0", "5"])
    assert (tmp_path / "o" / "layer02_filter0005.wav").is_file()
    assert "layer  2  filter    5  dead" in capsys.readouterr().err
    assert "dead: its feature map is zero" in (tmp_path / "o" / "index.html").read_text()


def test_the_most_active_filters_come_first_and_are_sonified_exactly(model, rng):
    loaded, _ = checkpoint.load(model)
    sonifier, x = Sonifier(loaded), rng.standard_normal(4_000).astype(np.float32)
    found = hear(sonifier, x, [3, 7], rate_hz=8_000, top=4)
    for layer in (3, 7):
        heard = [h for h in found if h.layer == layer]
        peaks = sonifier.forward(torch.from_numpy(x)[None]).maps[layer - 1][0].amax(-1)
        assert [h.filter for h in heard] == peaks.argsort(descending=True, stable=True)[:4].tolist()
        for h in heard:
            expected = sonifier.sonify(torch.from_numpy(x)[None], layer, h.filter)[0]
            np.testing.assert_allclose(h.signal, expected, atol=1e-5)
            assert h.activation == pytest.approx(float(peaks[h.filter]))
            assert 0 <= h.time_s < 0.5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--layer": "12"}, "error: layer is 12: the model has layers 1 to 11"),
        ({"--filter": "99", "--layer": "1"}, "error: layer 1 has filters 0 to 7, not [99]"),
        ({"--top": "0"}, "error: --top is 0: ask for at least one filter"),
        ({"--checkpoint": "nowhere"}, "error: nowhere has no model.json"),
        ({"clip": "nothing.wav"}, "error: nothing.wav cannot be used: there is no such file"),
        ({"--out": __file__}, f"error: --out is {__file__}, which is a file: name a folder"),
    ],
)
def test_bad_requests_end_in_one_sentence(model, clip, tmp_path, change, sentence):
    options = {"--checkpoint": str(model), "--out": str(tmp_path / "o"), **change}
    arguments = [options.pop("clip", str(clip))]
    for name, value in options.items():
        arguments += [name, value]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert str(ended.value).startswith(sentence) and "\n" not in str(ended.value)


def test_silence_and_text_cannot_be_sonified(model, tmp_path):
    silent, text = tmp_path / "silent.wav", tmp_path / "text.wav"
    soundfile.write(silent, np.zeros(8_000), 8_000)
    text.write_text("not a sound")
    for file, word in ((silent, "all 8000 samples are 0"), (text, "cannot be used")):
        with pytest.raises(SystemExit, match=word):
            main([str(file), "--checkpoint", str(model)])
