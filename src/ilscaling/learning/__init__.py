"""Behaviour cloning of one run, with a snapshot at every FLOP budget: on its way at a constant
rate, at the end of a branch of its own (see `branches`) where the rate falls.

A run folder holds, for each budget, `<budget>.safetensors` and `<budget>.json`; `curve.csv`, the
learning curve; `state.safetensors`, from which a killed or extended run goes on; and
`timing.json`. All but the last two are, on one CPU and thread count, a function of data, settings
and seed: the same bytes whether or not the run was interrupted.
"""
