"""Scaling laws of imitation learning in games: measure, believe and use them."""

__version__ = "0.1.0"
