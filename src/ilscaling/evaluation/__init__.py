"""What a cell is worth: loss on held-out demonstrations, and return in the game."""

from ilscaling.evaluation.cell import evaluate_run
from ilscaling.evaluation.loss import dev_loss
from ilscaling.evaluation.reference import random_play
from ilscaling.evaluation.returns import play

__all__ = ["dev_loss", "evaluate_run", "play", "random_play"]
