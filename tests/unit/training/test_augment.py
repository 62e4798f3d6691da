import numpy as np
import pytest
import torch

from sonify.training.augment import (
    augment,
    gaussian_noise,
    mask_time,
    mix_background,
    mixup,
    random_gain,
)
from sonify.training.recipe import Augmentation


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
    mixed = mix_background(x, (10, 10), rng)
    added = mixed - x
    ratio = 10 * torch.log10(power(x) / power(added))
    torch.testing.assert_close(ratio, torch.full((6,), 10.0), rtol=1e-3, atol=0)
    similar = torch.nn.functional.normalize(added) @ torch.nn.functional.normalize(x).T
    partners = similar.argmax(1)
    assert (partners != torch.arange(6)).all() and (similar.max(1).values > 0.999).all()


def test_background_leaves_silence_and_single_clips_alone(x, rng):
    x[2] = 0
    mixed = mix_background(x, (0, 20), rng)
    assert mixed.isfinite().all() and not mixed[2].any()
    assert torch.equal(mix_background(x[:1], (0, 20), rng), x[:1])


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
    ],
)
def test_impossible_strengths_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**wrong)
