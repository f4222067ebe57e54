"""Code of steps that no import closure shows: the verbs of the command line, what they call."""

# What a step uses beside the closure of its roots, each with its digest when it entered the keys:
# as long as it is that, keys are what they were before. Any change of one is a change of the key.
LATE: dict[str, dict[str, str]] = {
    "record": {
        "ilscaling.games.jobs": "b3590e61b8cf",
        "ilscaling.cli.demonstrations:record": "649de99c28fe",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "games": {
        "ilscaling.games.jobs": "b3590e61b8cf",
        "ilscaling.cli.demonstrations:record": "649de99c28fe",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "perform": {
        "ilscaling.games.jobs": "b3590e61b8cf",
        "ilscaling.cli.demonstrations:record": "649de99c28fe",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "shard": {
        "ilscaling.cli.demonstrations:shard": "4646eebc3308",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "ingest": {
        "ilscaling.cli.demonstrations:ingest": "fc2113118206",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "train": {
        "ilscaling.cli.training:train,trunk,_cells_of": "7813da750756",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "evaluate": {
        "ilscaling.cli.evaluation:evaluate": "e65a486e3a57",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "random": {
        "ilscaling.cli.evaluation:random_play": "dd2f8f3d3fe5",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "expert": {
        "ilscaling.cli.experts:train_expert": "b90b342d26ef",
        "ilscaling.cli.options:section": "fb3a2c00a833",
    },
    "fit": {
        "ilscaling.cli.results:fit,table_and_settings": "55c7cf8a060e",
    },
}
