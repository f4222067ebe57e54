# What the rules of evaluation.smk ask about the study.


def get_measuring_expert(wildcards):
    """File of the expert that the run's evaluation asks; none where nothing has to be read."""
    owner, run, _ = find_run(wildcards)
    file = owner.measuring_expert(run)
    return ancient(file) if file else []


def get_run_lists(wildcards):
    """Lists of the run's cells."""
    owner, run, _ = find_run(wildcards)
    return [ancient(path) for path in owner.run_manifests(run)]


def get_run_options(wildcards, input):
    """These lists as options of the verb."""
    return shlex.join(word for path in input.cells for word in ("--run", path))


def get_section_lists(wildcards):
    """Lists of the cells of all runs of a section."""
    runs = keys.runs_of(wildcards.game)
    return [ancient(path) for run in runs for path in keys.run_manifests(run)]


def get_section_evaluations(wildcards):
    """Lists of the measured cells of all runs of a section."""
    return [ancient(keys.evaluation_manifest(run)) for run in keys.runs_of(wildcards.game)]


def get_section_expert(wildcards):
    """File of the expert that the section's evaluation asks; none where nothing has to be read."""
    file = keys.measuring_expert(keys.runs_of(wildcards.game)[0])
    return ancient(file) if file else []


def get_section_options(wildcards, input):
    """These lists as options of the verb."""
    words = [word for path in input.cells for word in ("--run", path)]
    return shlex.join([*words, *(word for path in input.measured for word in ("--measured", path))])


def get_section_gpus(wildcards, resources):
    """GPUs that the job may use, perhaps a share of one: as many as the largest policy."""
    runs = keys.runs_of(wildcards.game)
    return min(max(run_resources.gpus(keys.params, keys.runs[run]) for run in runs), resources.gpu)
