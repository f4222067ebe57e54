"""The table of a study's results: one row a cell. Ours, and anyone's.

Every cell of the grid has exactly one row: done, failed or left out by a stated rule, and why.
What people have is read as it is (`source`, `text`, `numerals`, `naming`), or refused with the
value that stands in the way.
"""

from ilscaling.tables.budgets import cluster, game_positions, positions
from ilscaling.tables.columns import COLUMNS
from ilscaling.tables.naming import mapping
from ilscaling.tables.read import read_table, standard
from ilscaling.tables.results import halves, measured, spent, write_table

__all__ = [
    "COLUMNS",
    "cluster",
    "game_positions",
    "halves",
    "mapping",
    "measured",
    "positions",
    "read_table",
    "spent",
    "standard",
    "write_table",
]
