"""Code of steps that no import closure shows: the verbs of the command line, what they call."""

# What a step uses beside the closure of its roots, each with its digest when it entered the keys:
# as long as it is that, keys are what they were before. Any change of one is a change of the key.
LATE: dict[str, dict[str, str]] = {
    "record": {
        "ilscaling.demonstrations.jobs": "7bd00163ff2d",
        "ilscaling.cli:record,section": "eea5bd29d7c4",
    },
    "games": {
        "ilscaling.demonstrations.jobs": "7bd00163ff2d",
        "ilscaling.cli:record,section": "eea5bd29d7c4",
    },
    "shard": {"ilscaling.cli:shard,section": "f3bde5b3819e"},
    "ingest": {"ilscaling.cli:ingest,section": "0703666f8364"},
    "train": {"ilscaling.cli:train,trunk,_cells_of,section": "3547cb7d0c3c"},
    "evaluate": {"ilscaling.cli:evaluate,section": "a1496c351ff0"},
    "random": {"ilscaling.cli:random_play,section": "5fdb91809dda"},
    "expert": {"ilscaling.cli:train_expert,section": "f4101bb3999a"},
    "fit": {"ilscaling.cli:fit,table_and_settings": "2256a124cded"},
}
