"""Behaviour cloning: cross-entropy of the expert's actions on its own states."""

from ilscaling.learning.algorithm import Algorithm

ALGORITHM = Algorithm("cloning")
