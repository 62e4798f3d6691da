"""The places of a feature map's frames in the waveform."""

from typing import NamedTuple


class Grid(NamedTuple):
    """The frames of a layer's maps, as the centres of their receptive fields.

    first: centre of frame 0, in samples from the start of the clip (a half-integer if the field has
    an even length); padding moves it towards the start. hop: samples between frames.
    """

    first: float
    hop: int

    def centre(self, frame: int, n_samples: int) -> float:
        """Return the centre of a frame, in samples from the start of a clip of `n_samples`.

        Centres that padding puts outside the clip are moved to its edge.
        """
        return min(max(self.first + frame * self.hop, 0.0), n_samples - 1.0)
