"""Domains of games, a folder each."""
