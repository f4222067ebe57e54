"""Training of runs: `run` trains one, `loop` is what it does, an `algorithm` what it does it by."""
