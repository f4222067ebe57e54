"""What a cell is worth: loss on held-out demonstrations, and return in the game."""

from ilscaling.measuring.cell import evaluate_run
from ilscaling.measuring.loss import dev_loss
from ilscaling.measuring.reference import random_play
from ilscaling.measuring.returns import play

__all__ = ["dev_loss", "evaluate_run", "play", "random_play"]
