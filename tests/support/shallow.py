"""The network of the tests of training: for crops of 0.2 s, which CNN12 is too deep for."""

from sonify.models.architecture import Architecture, Layout

SHAPE = Architecture(layout=Layout((8, 8, 16, 16, 32), (7, 5, 5, 3, 3), (4, 4, 2, 2, 1)))
