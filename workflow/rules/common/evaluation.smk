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
