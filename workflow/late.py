"""Code of steps that no import closure shows: the verbs of the command line, what they call."""

# What a step uses beside the closure of its roots, each with its digest when it entered the keys:
# as long as it is that, keys are what they were before. Any change of one is a change of the key.
LATE: dict[str, dict[str, str]] = {
    "record": {
        "ilscaling.demonstrations.jobs": "b3590e61b8cf",
        "ilscaling.cli:record,section": "380f2211af31",
    },
    "games": {
        "ilscaling.demonstrations.jobs": "b3590e61b8cf",
        "ilscaling.cli:record,section": "380f2211af31",
    },
    "perform": {
        "ilscaling.demonstrations.jobs": "b3590e61b8cf",
        "ilscaling.cli:record,section": "380f2211af31",
    },
    "shard": {"ilscaling.cli:shard,section": "76d188110c2b"},
    "ingest": {"ilscaling.cli:ingest,section": "c8ab75efe8ee"},
    "train": {"ilscaling.cli:train,trunk,_cells_of,section": "a75af7db5954"},
    "evaluate": {"ilscaling.cli:evaluate,section": "354442409807"},
    "random": {"ilscaling.cli:random_play,section": "0dd205f92cfc"},
    "expert": {"ilscaling.cli:train_expert,section": "5f46ad5f87af"},
    "fit": {"ilscaling.cli:fit,table_and_settings": "2256a124cded"},
}
