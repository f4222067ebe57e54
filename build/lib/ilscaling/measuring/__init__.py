"""What a cell is worth: loss on held-out demonstrations, and return in the game."""

from ilscaling.measuring.loss import held_out
from ilscaling.measuring.reference import random_play
from ilscaling.measuring.returns import play
from ilscaling.measuring.run import evaluate_run

__all__ = ["evaluate_run", "held_out", "play", "random_play"]
