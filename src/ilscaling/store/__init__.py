"""Demonstrations on disk: sharded Zarr v3 arrays with an episode index and checksums.

A store is a folder `*.zarr` with one group a split, whose arrays share axis 0 = time step:
the observation fields of the game (Atari: `screen` uint8 (T, 84, 84); NetHack: `tty_chars` uint8
and `tty_colors` int8 (T, 24, 80), `tty_cursor` uint8 (T, 2), maybe `inventory` int16 (T, 55)),
`action`, `reward` float32 (T,), `episode` int32 (T,), the position of the step's episode in its
split, and, where the expert says its distribution, `expert_probs` float16 (T, actions). The group
`episodes` is the table of all episodes, split by split in the order in which they are stored.
The root attributes say what was recorded and hold size and SHA-256 of every file.
"""

from ilscaling.store.checksums import FORMAT, verify
from ilscaling.store.joined import Joined
from ilscaling.store.loader import Loader
from ilscaling.store.sequences import GameLoader, SequenceLoader
from ilscaling.store.split import SPLITS, Split, open_split
from ilscaling.store.writer import Writer, create

__all__ = [
    "FORMAT",
    "SPLITS",
    "GameLoader",
    "Joined",
    "Loader",
    "SequenceLoader",
    "Split",
    "Writer",
    "create",
    "open_split",
    "verify",
]
