import dataclasses

import numpy as np
import pytest
import soundfile
import torch
from scipy.stats import kstest

from sonify.runtime.errors import SonifyError
from sonify.training import augment as module
from sonify.training.augment import (
    augment,
    crops_of,
    gaussian_noise,
    limit_peak,
    mask_time,
    mix_background,
    mix_convexly,
    mixup,
    other_clips,
    random_gain,
)
from sonify.training.backgrounds import recordings
from sonify.training.losses import classification_loss
from sonify.training.recipe import STRENGTHS, Augmentation


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(6, 4_000) * 2 - 1


def power(x: torch.Tensor) -> torch.Tensor:
    return x.square().mean(1)


def test_gain_scales_each_clip_within_its_range(x, rng):
    db = 20 * torch.log10(random_gain(x, (-18, 6), rng) / x).median(1).values
    assert (db > -18.001).all() and (db < 6.001).all() and db.std() > 1


def test_noise_has_the_amplitude_drawn(x, rng):
    added = gaussian_noise(x, (0.01, 0.01), rng) - x
    torch.testing.assert_close(added.std(1), torch.full((6,), 0.01), rtol=0.05, atol=0)
    assert not torch.equal(added[0], added[1])


def test_the_mask_silences_one_stretch_and_nothing_else(x, rng):
    masked = mask_time(x, 0.3, rng)
    for before, after in zip(x, masked, strict=True):
        changed = (before != after).nonzero().flatten()
        assert len(changed) <= 0.3 * len(before) + 1
        assert not after[changed].any()
        assert int(changed[-1] - changed[0]) + 1 == len(changed), "one stretch"


def test_background_comes_at_the_ratio_drawn_and_from_another_clip(x, rng):
    mixed = augment(x, Augmentation(background_snr_db=(10, 10)), rng)
    added = mixed - x
    ratio = 10 * torch.log10(power(x) / power(added))
    torch.testing.assert_close(ratio, torch.full((6,), 10.0), rtol=1e-3, atol=0)
    similar = torch.nn.functional.normalize(added) @ torch.nn.functional.normalize(x).T
    partners = similar.argmax(1)
    assert (partners != torch.arange(6)).all() and (similar.max(1).values > 0.999).all()


def test_ratios_of_backgrounds_are_uniform_in_decibels(rng):
    x = torch.randn(10_000, 40, generator=torch.Generator().manual_seed(0)).double()
    added = augment(x, Augmentation(background_snr_db=(3, 30)), rng) - x
    expect_uniform(10 * torch.log10(power(x) / power(added)).numpy(), 3, 30)


def test_background_leaves_silence_and_single_clips_alone(x, rng):
    x[2] = 0
    mixed = mix_background(x, other_clips(x, rng), (0, 20), rng)
    assert mixed.isfinite().all() and not mixed[2].any()
    assert torch.equal(augment(x[:1], Augmentation(background_snr_db=(0, 20)), rng), x[:1])


def test_mixup_mixes_targets_as_it_mixes_clips(rng):
    y = torch.eye(5)
    x = y.repeat_interleave(10, dim=1)  # clips that spell their own label
    mixed_x, mixed_y = mixup(x, y, 0.4, rng)
    torch.testing.assert_close(mixed_x, mixed_y.repeat_interleave(10, dim=1))
    torch.testing.assert_close(mixed_y.sum(1), torch.ones(5))


def test_everything_off_changes_nothing_and_the_input_is_never_written_to(x, rng):
    assert augment(x, Augmentation(), rng) is x
    before = x.clone()
    everything = Augmentation((-18, 6), (0.001, 0.015), 0.2, (3, 30))
    assert not torch.equal(augment(x, everything, rng), x)
    assert torch.equal(x, before)


def test_the_same_generator_gives_the_same_batch(x):
    everything = Augmentation((-18, 6), (0.001, 0.015), 0.2, (3, 30))
    one, two = (augment(x, everything, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gain_db": (6, -18)}, "gain_db is"),
        ({"background_snr_db": (1,)}, "must be .lowest, highest."),
        ({"time_mask": 1.0}, "time_mask is 1.0"),
        ({"time_masks": (0, 3)}, "time_masks is .0, 3.: it must be .fewest, most."),
        ({"time_masks": (3, 1)}, "time_masks is .3, 1."),
    ],
)
def test_impossible_strengths_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**wrong)


# --- as in the authors' code: probabilities and ranges, counted over 10,000 draws ---------------

N = 10_000
CONTRASTIVE = Augmentation(
    gain_db=(-18, 6),
    noise_amplitude=(0.001, 0.015),
    time_mask=0.1,
    background_snr_db=(10, 26),
    gain_probability=0.25,
    noise_probability=0.5,
    background_probability=0.5,
    background_mixing="convex",
    background="after_noise",
    limit_peak=True,
    time_masks=(1, 3),
)


def only(**changes) -> Augmentation:
    """The authors' augmentation, of which all is off but the strengths named."""
    off = {name: None for name in STRENGTHS if name not in changes}
    return dataclasses.replace(CONTRASTIVE, **off, **changes)


def expect_fraction(hits: int, probability: float) -> None:
    """Within four standard deviations of a binomial of 10,000."""
    assert abs(hits - N * probability) < 4 * np.sqrt(N * probability * (1 - probability))


def expect_uniform(values: np.ndarray, low: float, high: float) -> None:
    assert low <= values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() <= high
    assert kstest(values, "uniform", (low, high - low)).pvalue > 1e-3


def test_a_quarter_of_the_clips_have_a_gain_of_minus_18_to_6_db(rng):
    x = torch.full((N, 4), 0.1, dtype=torch.float64)
    db = 20 * np.log10((augment(x, only(gain_db=(-18, 6)), rng) / x)[:, 0].numpy())
    expect_fraction(int((db != 0).sum()), 0.25)
    expect_uniform(db[db != 0], -18, 6)


def test_half_of_the_clips_have_noise_of_the_amplitude(rng):
    x = torch.zeros(N, 400, dtype=torch.float64)
    found = augment(x, only(noise_amplitude=(0.001, 0.015)), rng).std(1, correction=0).numpy()
    expect_fraction(int((found > 0).sum()), 0.5)
    noisy = found[found > 0]
    assert 0.0008 < noisy.min() < 0.0012 and 0.0142 < noisy.max() < 0.0170
    assert noisy.mean() == pytest.approx(0.008, rel=0.02)


@pytest.mark.parametrize("source", ["batch", "folder"])
def test_half_of_the_clips_have_a_background_by_the_authors_formula(rng, source):
    x = torch.ones(N, 2, dtype=torch.float64)
    x[:, 1] = -torch.arange(N) / N  # who a clip is
    noises = None if source == "batch" else [np.full(5, -1.0, np.float32)] * 2
    found = augment(x, only(background_snr_db=(10, 26)), rng, noises)
    mixed = (found != x).any(1)
    expect_fraction(int(mixed.sum()), 0.5)
    if source == "folder":  # x g/(1+g) - 1/(1+g) at x = 1
        g = ((1 + found[:, 0]) / (1 - found[:, 0]))[mixed]
        expect_uniform(10 * np.log10(g.numpy()), 10, 26)
    else:  # all clips begin with 1, the mixture too
        torch.testing.assert_close(found[:, 0], x[:, 0])


def test_the_convex_mixture_is_the_formula(rng):
    x, noise = torch.randn(2, 3, 50).double()
    found = mix_convexly(x, noise, (20, 20), rng)
    torch.testing.assert_close(found, x * 100 / 101 + noise / 101)


def test_the_loud_are_brought_to_full_scale_and_the_others_left(x):
    loud = torch.cat([3 * x[:2] / x[:2].abs().amax(1, keepdim=True), x[2:]])
    limited = limit_peak(loud)
    torch.testing.assert_close(limited[:2], loud[:2] / 3)
    assert torch.equal(limited[2:], x[2:])


def test_one_to_three_stretches_are_silenced_in_every_clip(rng):
    """Each U(0, 0.1) of the crop, at a uniform place; compared with intervals merged by hand."""
    n, x = 1_000, torch.ones(N, 1_000)
    masked = mask_time(x, 0.1, rng, (1, 3)) == 0
    pieces = (masked[:, 1:] & ~masked[:, :-1]).sum(1) + masked[:, 0]
    merged, silenced = [], []
    for _ in range(N):
        lengths = rng.uniform(0, 100, rng.choice([1, 2, 3]))
        intervals = sorted((start, start + m) for m in lengths for start in [rng.uniform(0, n - m)])
        apart, total, end = 0, 0.0, -1.0
        for start, stop in intervals:
            apart += start > end
            total += max(0.0, stop - max(start, end))
            end = max(end, stop)
        merged.append(apart)
        silenced.append(total / n)
    for k in (1, 2, 3):
        ours, theirs = float((pieces == k).float().mean()), merged.count(k) / N
        assert ours == pytest.approx(theirs, abs=0.025), k
    assert int(pieces.max()) == 3
    assert float(masked.float().mean()) == pytest.approx(np.mean(silenced), rel=0.03)
    one = (mask_time(x, 0.1, rng) == 0).sum(1).numpy() / n
    assert one.max() <= 0.101 and one.mean() == pytest.approx(0.05, rel=0.03)
    assert kstest(one + rng.uniform(-0.5, 0.5, N) / n, "uniform", (0, 0.1)).pvalue > 1e-4
    places = masked.float().mean(0)
    assert float(places[100:900].min()) > 0.85 * float(places[100:900].max()), "uniform inside"


def test_the_order_is_gain_noise_background_peak_mask(monkeypatch, x, rng):
    calls = []
    for name in ("random_gain", "gaussian_noise", "mix_convexly", "limit_peak", "mask_time"):
        own = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *given, own=own, name=name: calls.append(name) or own(*given)
        )
    augment(x, CONTRASTIVE, rng)
    expected = ["random_gain", "gaussian_noise", "mix_convexly", "limit_peak", "mask_time"]
    assert calls == expected
    calls.clear()
    augment(x, dataclasses.replace(CONTRASTIVE, background="first", limit_peak=False), rng)
    assert calls == ["mix_convexly", "random_gain", "gaussian_noise", "mask_time"]


def test_the_defaults_draw_what_they_always_drew(x):
    """By hand, in the order of the calls: weights of earlier runs must come out again."""
    rng = np.random.default_rng(5)
    found = augment(x, Augmentation((-18, 6), (0.001, 0.015), 0.2, (3, 30)), rng)
    rng = np.random.default_rng(5)
    other = x.roll(int(rng.integers(1, 6)), 0)
    snr = torch.tensor(10 ** (rng.uniform(3, 30, 6) / 10), dtype=torch.float32)[:, None]
    y = x + other * (power(x)[:, None] / snr / power(other)[:, None]).sqrt()
    y = y * torch.tensor(10 ** (rng.uniform(-18, 6, 6) / 20), dtype=torch.float32)[:, None]
    seeded = torch.Generator().manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(x.shape, generator=seeded)
    y = y + noise * torch.tensor(rng.uniform(0.001, 0.015, 6), dtype=torch.float32)[:, None]
    lengths = rng.uniform(0, 0.2, 6) * 4_000
    starts = rng.uniform(0, 1, 6) * (4_000 - lengths)
    for row, start, length in zip(y, starts, lengths, strict=True):
        row[int(np.ceil(start)) : int(np.ceil(start + length))] = 0
    torch.testing.assert_close(found, y, rtol=1e-5, atol=1e-6)


def test_backgrounds_are_crops_of_any_recording_repeated_to_length(rng):
    long, short = np.arange(40, dtype=np.float32), 100 + np.arange(3, dtype=np.float32)
    crops = crops_of([long, short], torch.zeros(N, 8), rng).numpy()
    from_long = crops[:, 0] < 100
    expect_fraction(int(from_long.sum()), 0.5)
    assert (np.diff(crops[from_long]) == 1).all()
    assert set(crops[from_long][:, 0].tolist()) == set(range(33))
    assert (crops[~from_long] == np.resize(short, 8)).all()


def test_recordings_are_read_from_a_folder_at_8_khz(tmp_path, rng):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    (tmp_path / "below").mkdir()
    soundfile.write(tmp_path / "below" / "a.flac", tone, 16_000)
    soundfile.write(tmp_path / "b.WAV", 2 * tone[:8_000], 8_000, "FLOAT")
    (tmp_path / "notes.txt").write_text("not a sound")
    second, first = recordings(tmp_path)
    assert (len(first), len(second)) == (8_000, 8_000)
    at_8_khz = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)
    np.testing.assert_allclose(first[500:-500], at_8_khz[500:-500], atol=2e-3)
    (tmp_path / "c.wav").write_bytes(b"nothing")
    with pytest.raises(SonifyError, match=r"c.wav cannot be a background .*: remove it"):
        recordings(tmp_path)
    with pytest.raises(SonifyError, match="has no FLAC or WAV file"):
        recordings(tmp_path / "none")


def test_weights_of_mixup_are_uniform_with_alpha_1_and_one_a_clip(rng):
    x, y = torch.eye(2).repeat(N // 2, 1).double(), torch.eye(2).repeat(N // 2, 1).double()
    mixed, targets = mixup(x, y, 1.0, rng)
    torch.testing.assert_close(mixed, targets)
    own = mixed[y == 1].numpy()  # lambda where the partner is of the other kind, else 1
    apart = own[own < 1 - 1e-12]
    expect_fraction(len(apart), 0.5)
    expect_uniform(apart, 0, 1)


def test_targets_mixed_by_the_mean_are_two_mean_losses_weighted(rng):
    """What the authors' code computes for one label a clip, from its own words."""
    logits, y, x = torch.randn(8, 3).double(), torch.eye(3).double()[torch.arange(8) % 3], None
    seed = int(rng.integers(1000))
    x = torch.randn(8, 20).double()
    mixed, soft = mixup(x, y, 1.0, np.random.default_rng(seed), "batch_mean")
    again = np.random.default_rng(seed)
    weight, partner = again.beta(1.0, 1.0, 8), again.permutation(8)
    w = torch.tensor(weight)[:, None]
    torch.testing.assert_close(mixed, w * x + (1 - w) * x[partner])
    labels = y.argmax(1)
    first = torch.nn.functional.cross_entropy(logits, labels)
    second = torch.nn.functional.cross_entropy(logits, labels[partner])
    theirs = weight.mean() * first + (1 - weight.mean()) * second
    torch.testing.assert_close(classification_loss(logits, soft, "multiclass").double(), theirs)
