"""Code of steps that no import closure shows: the verbs of the command line, what they call."""

# What a step uses beside the closure of its roots, each with its digest when it entered the keys:
# as long as it is that, keys are what they were before. Any change of one is a change of the key.
LATE: dict[str, dict[str, str]] = {
    "record": {
        "ilscaling.demonstrations.jobs": "7bd00163ff2d",
        "ilscaling.cli:record,section": "01bafc4e7c5c",
    },
    "games": {
        "ilscaling.demonstrations.jobs": "7bd00163ff2d",
        "ilscaling.cli:record,section": "01bafc4e7c5c",
    },
    "shard": {"ilscaling.cli:shard,section": "f3bde5b3819e"},
    "ingest": {"ilscaling.cli:ingest,section": "0703666f8364"},
    "train": {"ilscaling.cli:train,section": "36a96dd9041e"},
    "evaluate": {"ilscaling.cli:evaluate,section": "a1496c351ff0"},
    "random": {"ilscaling.cli:random_play,section": "c64cc78eb1d6"},
    "expert": {"ilscaling.cli:train_expert,section": "acf394d3eb06"},
    "fit": {"ilscaling.cli:fit,table_and_settings": "2256a124cded"},
}
