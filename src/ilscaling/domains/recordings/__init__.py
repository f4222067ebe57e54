"""Recordings of others as demonstrations: a person's or a program's play of Atari or Gymnasium."""
