"""The command line: a module a stage, whose verbs are plain functions."""
