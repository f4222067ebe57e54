"""Atari games by the Arcade Learning Environment."""
