"""Trains the residual network on synthesised words, as M5 is trained.

Writes resnet.pt, word.wav, which it has not heard, and encoder.pt, the paper's encoder untrained.
"""

import soundfile
import torch
from authors_encoder import Encoder
from resnet1d import ResNet1d
from train_m5 import trained, words

from sonify.data.synthesis.words import WORDS


def main(takes_per_word: int = 40, epochs: int = 5) -> None:
    """Train, and say how many words of unseen speakers are recognised."""
    x, labels, held_out = words(takes_per_word)
    resnet, right = trained(x, labels, held_out, epochs, ResNet1d(len(WORDS)))
    print(f"accuracy {right:.0%}")
    torch.save(resnet.state_dict(), "resnet.pt")
    torch.save(Encoder().state_dict(), "encoder.pt")
    clip = x[held_out & (labels == list(WORDS).index("go"))][0]
    soundfile.write("word.wav", clip[0].numpy(), 8_000)


if __name__ == "__main__":
    main()
