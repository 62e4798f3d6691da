"""Surrogates: their energies, their spectra, and that they are drawn by the clip's name alone."""

import numpy as np
import pytest
import torch

from sonify.evaluation.metrics import surrogates
from sonify.runtime.seeds import generator


@pytest.mark.parametrize("n", [1_000, 1_001])
def test_random_phases_leave_the_power_spectrum_as_it_is(rng, n):
    s = rng.standard_normal((3, 2, n))
    phases = surrogates.draw_phases("fsd50k", ["a", "b"], n)
    found = surrogates.phase_randomised(torch.from_numpy(s), phases).numpy()
    np.testing.assert_allclose(abs(np.fft.rfft(found)), abs(np.fft.rfft(s)), atol=1e-9)
    np.testing.assert_allclose((found**2).sum(-1), (s**2).sum(-1), rtol=1e-12)
    turned = np.angle(np.fft.rfft(found))[:, :, 1:-1]
    wanted = np.broadcast_to(phases.numpy()[None, :, 1:-1], turned.shape)
    np.testing.assert_allclose(np.exp(1j * turned), np.exp(1j * wanted), atol=1e-9)
    assert abs(np.corrcoef(found[0, 0], s[0, 0])[0, 1]) < 0.15


def test_energies_are_matched_to_a_millionth_in_single_precision(rng):
    sounds = torch.from_numpy(rng.standard_normal((5, 4, 20_000)) * 1e-3).float()
    wanted = torch.from_numpy(rng.uniform(1e-6, 1e4, (5, 4)))
    sounds[2, 1] = 0
    found = surrogates.matched(sounds, wanted).numpy().astype(np.float64)
    expected = wanted.numpy().copy()
    expected[2, 1] = 0
    np.testing.assert_allclose((found**2).sum(-1), expected, rtol=1e-6)
    assert found.dtype == np.float64 and sounds.dtype == torch.float32


def test_the_projection_is_that_of_least_squares(rng):
    x, s = rng.standard_normal((4, 900)), rng.standard_normal((2, 4, 900))
    s[1, 2] = 0
    found = surrogates.projection(torch.from_numpy(x), torch.from_numpy(s)).numpy()
    for layer in range(2):
        for clip in range(4):
            alpha = np.linalg.lstsq(s[layer, clip, :, None], x[clip], rcond=None)[0][0]
            np.testing.assert_allclose(found[layer, clip], alpha * s[layer, clip], atol=1e-12)


def test_draws_depend_on_the_clip_alone():
    alone = surrogates.draw_phases("fsd50k", ["b"], 100)
    among = surrogates.draw_phases("fsd50k", ["a", "b", "c"], 100)
    assert torch.equal(alone[0], among[1]) and not torch.equal(among[0], among[1])
    for draw in (surrogates.draw_noise, surrogates.draw_places):
        assert torch.equal(draw("fsd50k", ["b"], 9)[0], draw("fsd50k", ["a", "b"], 9)[1])
    named = generator("controls", "noise", "fsd50k", "b").standard_normal(9)
    np.testing.assert_array_equal(surrogates.draw_noise("fsd50k", ["b"], 9)[0], named)


def test_a_partner_is_another_clip():
    names = [f"clip{i}" for i in range(5)]
    found = [surrogates.draw_partner("fsd50k", name, names) for name in names]
    assert all(partner != i for i, partner in enumerate(found)) and len(set(found)) > 1
    assert found == [surrogates.draw_partner("fsd50k", name, names) for name in names]
