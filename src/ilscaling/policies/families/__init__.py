"""Entries of the built-in families."""
