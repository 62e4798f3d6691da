"""The `sonify` command on a recording, and its complaints."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from sonify.cli import main
from sonify.data.audio.samples import Limits, prepared
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.imported import load
from sonify.sonification.autograd.sonifier import AutogradSonifier
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.recording import hear
from sonify.sonification.trace.folding import folded


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    card = checkpoint.ModelCard(
        run="contrastive",
        seed=0,
        dataset="audioset",
        regime="contrastive",
        finetune="none",
        architecture=Architecture(width=1 / 8),
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
    assert page.count("<audio") == 7 and "my &lt;clip&gt;.wav" in page and "://" not in page
    printed = capsys.readouterr().err
    assert len(re.findall(r"^layer +\d+  filter +\d+  activation", printed, re.MULTILINE)) == 6
    assert "6 sonifications of 1.0 s: listen at" in printed


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
        maps = sonifier.forward(torch.from_numpy(x)[None]).maps[layer - 1][0]
        order = maps.mean(-1).argsort(descending=True, stable=True)
        assert [h.filter for h in heard] == order[:4].tolist()
        peaks, frames = maps.max(-1)
        grid = sonifier.grids()[layer - 1]
        for h in heard:
            expected = sonifier.sonify(torch.from_numpy(x)[None], layer, h.filter)[0]
            np.testing.assert_allclose(h.signal, expected, atol=1e-5)
            assert h.activation == pytest.approx(float(peaks[h.filter]))
            expected = (grid.first + int(frames[h.filter]) * grid.hop) / 8_000
            assert 0 <= h.time_s < 0.5 and h.time_s == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--layer": "12"}, "error: layer is 12: the model has layers 1 to 11"),
        ({"--filter": "99", "--layer": "1"}, "error: layer 1 has filters 0 to 7, not 99"),
        ({"--filter": "-1"}, "error: filter is -1: filters are numbered from 0"),
        ({"--top": "0"}, "error: --top is 0: give the number of filters per layer, at least 1"),
        ({"--checkpoint": "nowhere"}, "error: nowhere has no model.json"),
        ({"clip": "nothing.wav"}, "error: nothing.wav cannot be used: there is no such file"),
        (
            {"--out": __file__},
            f"error: --out is {__file__}, which is not a directory: give a folder to write to",
        ),
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


NETS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, filters=6, stride=1):
        super().__init__()
        self.conv1 = nn.Conv1d(1, filters, 9, padding=4, stride=stride)
        self.bn = nn.BatchNorm1d(filters)
        self.conv2 = nn.Conv1d(filters, 8, 5)

    def forward(self, x):
        x = torch.max_pool1d(torch.relu(self.bn(self.conv1(x))), 4)
        return torch.relu(self.conv2(x)).mean(-1)


def strided():
    return Net(stride=2)


def stereo():
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU())


def sized(filters):
    return Net(filters)


def broken():
    return Net("many")


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.stem = nn.Sequential(nn.Conv1d(1, 6, 8, stride=2, padding=3), nn.ReLU())
        self.one = nn.Conv1d(6, 6, 3, padding=1)
        self.two = nn.Conv1d(6, 6, 3, padding=1)
        self.gate = nn.Linear(6, 6)

    def forward(self, x):
        x = self.stem(x)
        h = self.two(nn.functional.gelu(self.one(x)))
        h = h * torch.sigmoid(self.gate(h.mean(-1)))[..., None]
        return torch.relu(x + h).mean(-1)


class Itself(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(256 * x)


def quiet():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv1d(1, 32, 16), nn.ReLU())
    with torch.no_grad():
        net[0].weight.normal_().div_(256)
        net[0].bias.normal_()
    return net


def itself():
    return Itself(quiet())


ready = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU()).double()
number = 3
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A user's file, in a folder from which the command is run; imported afresh by every test."""
    (tmp_path / "user_nets.py").write_text(NETS)
    (tmp_path / "broken_nets.py").write_text("import nothing_of_this_name")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "user_nets.py"
    sys.modules.pop("user_nets", None)


@pytest.fixture
def weights(nets):
    """Weights of the user's Net, saved both ways."""
    torch.manual_seed(5)
    state = load(f"{nets}:Net").state_dict()
    state["bn.running_mean"] += 0.25
    torch.save(state, "net.pt")
    save_file(state, "net.safetensors")
    torch.save({"epoch": 3}, "other.pt")
    torch.save({**state, "extra": state["conv1.bias"], "conv1.bias": torch.zeros(2)}, "misfit.pt")
    Path("text.pt").write_text("no weights")
    Path("text.safetensors").write_text("no weights")


def test_a_model_of_the_users_is_heard_at_its_own_rate(nets, weights, clip, capsys):
    for file, out in (("net.pt", "a"), ("net.safetensors", "b")):
        place = f"{nets}:Net" if out == "a" else "user_nets:Net"
        options = ["--weights", file, "--rate", "16000", "--fold", "--top", "2", "--out", out]
        main([str(clip), "--model", place, *options])
    printed = capsys.readouterr().err
    assert len(re.findall(r"^layer +[12]  filter", printed, re.MULTILINE)) == 8
    sounds = sorted(f.name for f in Path("a").glob("*.wav"))
    assert len(sounds) == 5 and "4 sonifications of 1.0 s" in printed
    for name in sounds:
        signal, rate = soundfile.read(Path("a") / name)
        assert rate == 16_000 and len(signal) == 16_000
        assert (Path("a") / name).read_bytes() == (Path("b") / name).read_bytes()
    page = Path("a/index.html").read_text(encoding="utf-8")
    assert "user_nets.py:Net. Each" in page and "0 to 8 kHz" in page
    # The frame of the second layer that is named is where that filter peaks in the clip.
    model = folded(load(f"{nets}:Net", Path("net.pt")))
    x = prepared(clip, Limits(1, 60), 16_000).pcm.astype(np.float32)[None] / 32767
    maps = Sonifier(model).forward(torch.from_numpy(x)).maps[1][0]
    best = int(maps.amax(-1).argmax())
    line = re.search(rf"layer  2  filter +{best}  activation .* at +([\d.]+) s", printed)
    assert float(line[1]) == pytest.approx(int(maps[best].argmax()) * 4 / 16_000, abs=0.006)


def test_a_residual_network_is_heard_by_autograd_which_says_so(nets, clip, capsys):
    options = [str(clip), "--model", "user_nets:Residual", "--top", "1"]
    with pytest.raises(
        SystemExit, match=r"followed by the call of gelu\(\).*, with --by autograd$"
    ):
        main(options)
    main([*options, "--by", "autograd", "--out", "a"])
    printed = capsys.readouterr().err
    how = "By autograd: every rectifier (relu, gelu) passes back positive gradients only; other "
    assert how in printed and len(re.findall(r" s  by autograd$", printed, re.MULTILINE)) == 3
    assert how in Path("a/index.html").read_text(encoding="utf-8")
    # The sound is the library's, and so is the time, to within what a frame hears.
    x = prepared(clip, Limits(1, 60), 8_000).pcm.astype(np.float32)[None] / np.float32(32_767)
    sonifier = AutogradSonifier(load(f"{nets}:Residual"))
    heard = sonifier.most_active(torch.from_numpy(x))
    for layer in (1, 2, 3):
        index = int(heard.filters[layer - 1, 0])
        signal, rate = soundfile.read(f"a/layer{layer:02d}_filter{index:04d}.wav")
        assert rate == 8_000
        np.testing.assert_allclose(signal, heard.signals[layer - 1, 0], atol=1e-3)
        line = re.search(
            rf"layer  {layer}  filter +{index}  activation +[\d.]+ at +([\d.]+) s", printed
        )
        frame = int(sonifier.forward(torch.from_numpy(x)).maps[layer - 1][0, index].argmax())
        assert float(line[1]) == pytest.approx((frame * 2 + 1) / 8_000, abs=0.008)


def test_a_part_of_a_model_and_layers_before_what_is_no_chain(nets, clip, capsys):
    options = ["--model", "user_nets:Residual", "--allow-strided", "--top", "1"]
    main([str(clip), *options, "--part", "stem", "--out", "p"])
    assert "user_nets:Residual, stem" in Path("p/index.html").read_text(encoding="utf-8")
    main([str(clip), *options, "--layer", "1", "--out", "l"])
    assert "by autograd" not in capsys.readouterr().err
    sounds = [next(Path(out).glob("layer01*.wav")).read_bytes() for out in "pl"]
    assert sounds[0] == sounds[1]


def test_a_model_that_expects_larger_waveforms_is_given_them(nets, clip, capsys):
    options = [str(clip), "--model", "user_nets:quiet", "--top", "1"]
    main([*options, "--out", "without"])
    assert (
        "warning: the model's first layer barely responds to this recording at gain 1, so you may "
        "not hear its filters; if it was trained on larger waveforms, give --gain (its weights "
        "suggest about "
    ) in capsys.readouterr().err
    main([*options, "--gain", "256", "--out", "with"])
    given = capsys.readouterr().err
    main([str(clip), "--model", "user_nets:itself", "--top", "1", "--out", "itself"])
    own = capsys.readouterr().err
    assert "warning" not in given + own
    sounds = [next(Path(out).glob("layer01*.wav")) for out in ("with", "itself")]
    assert sounds[0].read_bytes() == sounds[1].read_bytes() and sounds[0].name == sounds[1].name


@pytest.mark.parametrize("by", ["engine", "autograd"])
def test_a_model_in_half_precision_is_heard_in_float32(nets, clip, by):
    nets.write_text(
        "import torch\nfrom torch import nn\n"
        "def full():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv1d(1, 4, 9), nn.ReLU()).bfloat16().float()\n"
        "def half():\n    return full().bfloat16()\n"
    )
    for name in ("full", "half"):
        main([str(clip), "--model", f"user_nets.py:{name}", "--by", by, "--out", name])
    sounds = [{f.name: f.read_bytes() for f in Path(n).glob("*.wav")} for n in ("full", "half")]
    assert sounds[0] == sounds[1] and len(sounds[0]) == 5


def test_a_file_is_itself_whatever_it_is_called(nets, clip):
    nets.rename("random.py")
    main([str(clip), "--model", "random.py:ready", "--top", "1"])
    assert sys.modules["random"].random


def test_ready_made_and_strided_models(nets, clip):
    main([str(clip), "--model", "user_nets:ready", "--out", "ready"])
    main([str(clip), "--model", "user_nets:strided", "--fold", "--allow-strided", "--out", "s"])
    signal, rate = soundfile.read(next(iter(Path("s").glob("layer02*.wav"))))
    assert (len(signal), rate) == (8_000, 8_000) and signal.any()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--model", "nets"], "--model is 'nets': write module:name or path/to/file.py:name"),
        (["--model", "gone.py:Net"], "gone.py does not exist: give a Python file"),
        (
            ["--model", "no_such_module:Net"],
            "no_such_module cannot be imported (ModuleNotFoundError: No module named",
        ),
        (
            ["--model", "broken_nets.py:Net"],
            "broken_nets.py cannot be imported (ModuleNotFoundError: No module named 'nothing_of",
        ),
        (["--model", "user_nets.py:None"], "user_nets.py has no None: name a model in it"),
        (["--model", "user_nets:number"], "user_nets:number is of type int: name a model"),
        (
            ["--model", "user_nets:sized"],
            "user_nets:sized needs arguments (filters): give them, 'user_n",
        ),
        (["--model", "user_nets:sized(x)"], "--model is 'user_nets:sized(x)', whose arguments are"),
        (["--model", "user_nets:broken"], "user_nets:broken failed (TypeError: "),
        (["--model", "user_nets:torch.nn"], "user_nets has no torch.nn: name a model in it"),
        (["--model", "pathlib:Path"], "pathlib:Path returned a "),
        (["--model", "user_nets:Net"], "module 'conv1' (Conv1d) is followed by module 'bn' (Batch"),
        (["--model", "user_nets:ready", "--part", "body"], "--part is 'body', which the model do"),
        (["--checkpoint", "x", "--part", "y"], "--part is only for --model: leave it out"),
        (["--model", "user_nets:ready", "--by", "autograd", "--fold"], "--fold is not needed with"),
        (["--model", "user_nets:strided", "--fold"], "module 'conv1' (Conv1d) has stride 2: its"),
        (["--model", "user_nets:stereo"], "module '0' (Conv1d) takes 2 channels: it must take 1,"),
        (
            ["--model", "user_nets:ready", "--rate", "0"],
            "--rate is 0: give a sampling rate from 1000 to 192000",
        ),
        (["--model", "user_nets:ready", "--layer", "2"], "layer is 2: the model has layers 1 to 1"),
        (["--checkpoint", "x", "--fold"], "--fold is only for --model: leave it out"),
        (
            ["--checkpoint", "x", "--allow-strided"],
            "--allow-strided is only for --model: leave it out",
        ),
        (["--checkpoint", "x", "--gain", "2"], "--gain is only for --model: leave it out"),
        (["--model", "user_nets:ready", "--gain", "-1"], "gain is -1.0: it must be a positive"),
        (["--checkpoint", "x", "--weights", "y"], "--weights is only for --model: leave it out"),
    ],
)
def test_models_that_cannot_be_used_end_in_one_sentence(nets, clip, options, sentence):
    with pytest.raises(SystemExit) as ended:
        main([str(clip), *options])
    assert str(ended.value).startswith(f"error: {sentence}") and "\n" not in str(ended.value)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("gone.pt", "gone.pt does not exist: give a .safetensors or .pt file"),
        ("text.pt", "text.pt holds no readable weights (UnpicklingError: "),
        ("text.safetensors", "text.safetensors holds no readable weights (SafetensorError: "),
        ("other.pt", "other.pt holds no state dict but only epoch: save model.state_dict()"),
        (
            "misfit.pt",
            "misfit.pt does not fit the model: it has extra, which the model does not have (",
        ),
    ],
)
def test_weights_that_do_not_fit_end_in_one_sentence(nets, weights, clip, file, sentence):
    with pytest.raises(SystemExit) as ended:
        main([str(clip), "--model", "user_nets:Net", "--weights", file])
    assert str(ended.value).startswith(f"error: {sentence}") and "\n" not in str(ended.value)


def test_a_clip_too_short_for_the_chain_is_refused(nets, tmp_path):
    file = tmp_path / "short.wav"
    soundfile.write(file, np.sin(np.arange(19.0)), 8_000)
    with pytest.raises(SystemExit, match="19 samples at 8 kHz are fewer than the 20 needed"):
        main([str(file), "--model", "user_nets:Net", "--fold"])


def test_a_strided_checkpoint_asked_for_it_itself(tmp_path, clip):
    card = checkpoint.ModelCard(
        run="strided",
        seed=0,
        dataset="fsd50k",
        regime="supervised",
        finetune="none",
        architecture=Architecture(width=1 / 16, downsampling="strided"),
        architecture_name="strided",
        head="classifier",
        outputs=3,
    )
    checkpoint.save(tmp_path / "m", checkpoint.build(card), card)
    options = ["--layer", "2", "--top", "1", "--out", str(tmp_path / "o")]
    main([str(clip), "--checkpoint", str(tmp_path / "m"), *options])
    assert len(list((tmp_path / "o").glob("layer02*.wav"))) == 1


def test_a_recording_whose_name_is_not_utf8(model, clip, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    shutil.copy(clip, name)
    main([name, "--checkpoint", str(model), "--layer", "1", "--out", str(tmp_path / "heard")])
    assert "caf\\xe9.wav" in (tmp_path / "heard" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
@pytest.mark.parametrize("module", ["sonify.cli", "surroundings"])
def test_the_plotting_backend_of_the_surroundings_does_not_matter(backend, module):
    code = f"import {module}, matplotlib.colors; from matplotlib.figure import Figure; Figure()"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLBACKEND": backend, "PYTHONPATH": f"{root}/src:{root}/workflow"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


SCRIPT = """
import argparse
import torch
from torch import nn

WIDTH = 6
parser = argparse.ArgumentParser(description="Train, as torchvision's references do.")
parser.add_argument("--data-path", required=True)
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()


class Net(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.conv1 = nn.Conv1d(1, width, 9)
        self.conv2 = nn.Conv1d(width, 8, 5)

    def forward(self, x):
        return torch.relu(self.conv2(torch.relu(self.conv1(x)))).mean(-1)


raise AssertionError("it trains")
"""


@pytest.fixture
def trained(nets):
    """A training script in the current folder, and its network with drawn weights."""
    Path("train_net.py").write_text(SCRIPT)
    torch.manual_seed(4)
    yield load("train_net.py:Net")
    sys.modules.pop("train_net", None)


def saved_as(net, optimizer):
    """What training scripts save of a network, by the name of the file."""
    compiled = torch.compile(net)
    plain, both = net.state_dict(), torch.nn.DataParallel(compiled).state_dict()
    assert next(iter(both)).startswith("module._orig_mod.")
    around = torch.compile(torch.nn.DataParallel(net)).state_dict()
    assert next(iter(around)).startswith("_orig_mod.module.")
    options = argparse.Namespace(data_path=Path("/data"), epochs=3)
    return {
        "parallel.pt": torch.nn.DataParallel(net).state_dict(),
        "compiled.pt": compiled.state_dict(),
        "both.pt": both,
        "around.pt": around,
        "model.pt": {"model": both, "epoch": 3},
        "state_dict.pt": {"state_dict": both, "epoch": 3, "best_acc1": torch.tensor(3.0)},
        "torchvision.pt": {
            "model": plain,
            "model_ema": {"n_averaged": torch.tensor(2), **both},
            "optimizer": optimizer.state_dict(),
            "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict(),
            "epoch": 3,
            "args": options,
            "best": np.float64(0.7),
        },
    }


def test_a_checkpoint_of_a_wrapped_network_sounds_as_the_plain_one(trained, clip, capsys):
    optimizer = torch.optim.Adam(trained.parameters())
    trained(torch.randn(2, 1, 100)).sum().backward()
    optimizer.step()
    torch.save(trained.state_dict(), "plain.pt")
    for file, content in saved_as(trained, optimizer).items():
        torch.save(content, file)
    heard = {}
    for file in sorted(Path().glob("*.pt")):
        out = f"of_{file.stem}"
        options = ["--model", "train_net.py:Net", "--weights", str(file), "--out", out]
        main([str(clip), *options, "--top", "2"])
        heard[file.stem] = {f.name: f.read_bytes() for f in Path(out).glob("*.wav")}
    assert len(heard) == 8 and len(heard["plain"]) == 5
    assert all(sounds == heard["plain"] for sounds in heard.values())
    assert "train_net.py is a script: only its imports, functions" in capsys.readouterr().err


def test_a_layer_with_fewer_filters_than_asked_for_is_told(nets, clip, capsys):
    fold = ["--model", "user_nets:Net", "--fold"]
    main([str(clip), *fold, "--top", "10000", "--out", "many"])
    assert (
        "--top is 10000, but there are only 6 in layer 1, 8 in layer 2: all of these are sonified\n"
    ) in capsys.readouterr().err
    assert len(list(Path("many").glob("layer*_filter????.wav"))) == 14
    main([str(clip), *fold, "--top", "7", "--out", "some"])
    assert "there are only 6 in layer 1: all" in capsys.readouterr().err
    main([str(clip), *fold, "--top", "6", "--out", "six"])
    main([str(clip), *fold, "--filter", "0", "--out", "one"])
    assert "--top" not in capsys.readouterr().err
