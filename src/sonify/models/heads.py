"""Heads of the encoder: a classifier, or the projection head of SimCLR (section 3.1)."""

import torch.nn.functional as F
from torch import Tensor, nn

from sonify.models.cnn import CNN12
from sonify.runtime.errors import SonifyError

KINDS = ("classifier", "projection")


class SoundModel(nn.Module):
    """Encoder and head together: waveforms (clip, time) to logits or projections (clip, output).

    `classifier` is one fully connected layer (appendix A.3). `projection` is the multilayer
    perceptron f_proj with one hidden layer as wide as the features (section 3.1), thrown away after
    pretraining. The architecture says whether either begins with a ReLU, as the authors' do, and
    whether the last layer of the projection has a bias. Raises SonifyError for another kind.
    """

    def __init__(self, encoder: CNN12, kind: str, outputs: int) -> None:
        super().__init__()
        architecture = encoder.architecture
        features = architecture.features
        self.encoder = encoder
        self.kind = kind
        self.outputs = outputs
        if kind == "classifier":
            self.head: nn.Module = nn.Linear(features, outputs)
        elif kind == "projection":
            self.head = nn.Sequential(
                nn.Linear(features, features),
                nn.ReLU(),
                nn.Linear(features, outputs, bias=architecture.projection_bias),
            )
        else:
            raise SonifyError(f"head is {kind!r}: it must be one of {', '.join(KINDS)}")

    def forward(self, x: Tensor) -> Tensor:
        """Head outputs, (clip, output), of waveforms x, (clip, time) in [-1, 1] at 8 kHz."""
        h = self.encoder(x)
        return self.head(F.relu(h) if self.encoder.architecture.relu_features else h)
