# What the rules of demonstrations.smk ask about the study.


def get_expert(wildcards):
    """File of the expert that plays the game; none where nothing has to be read."""
    file = keys.expert(get_game(wildcards))
    return ancient(file) if file else []


def get_expert_work(wildcards):
    """Folder of the checkpoints of an expert's training."""
    return keys.expert_work(get_game(wildcards))


def get_parts(wildcards):
    """What the recording jobs of a dataset make."""
    return [ancient(path) for path in keys.parts(get_game(wildcards))]


def get_datasets(store_by):
    """Regex of the datasets whose store that verb makes; of none '-', which matches no dataset."""
    return "|".join(keys.datasets(store_by)) or "-"


def get_recordings(wildcards):
    """The recorded games that are ingested, as an option of the verb: how they are written says
    their section; NetHack's are in the layout of NLD."""
    game = get_game(wildcards)
    kind = getattr(getattr(keys.section(game).expert, "recordings", None), "format", "nld")
    return shlex.join([f"--{kind}", keys.recordings(game)])


def get_store(wildcards):
    """The Zarr store: a directory beside `done.json`, so that later rules may read inside it."""
    return keys.demos(get_game(wildcards))
