"""The places of a feature map's frames in the waveform."""

from typing import NamedTuple


class Grid(NamedTuple):
    """Frames of a layer's maps: the centres of what they depend on, their receptive fields.

    first: centre of frame 0, in samples from the start of the clip, a half where the field has an
    even length; padding moves it forward. hop: samples between frames.
    """

    first: float
    hop: int

    def centre(self, frame: int, n_samples: int) -> float:
        """Return the centre of a frame, in samples from the start of a clip of `n_samples`.

        With much padding, the centre of a frame at the edge may lie outside: then it is the edge.
        """
        return min(max(self.first + frame * self.hop, 0.0), n_samples - 1.0)
