# What the rules of training.smk ask about the study.


def get_asked_expert(wildcards):
    """File of the expert that the algorithm asks; none where nothing has to be read."""
    owner, run, _ = find_run(wildcards)
    file = owner.asked_expert(run)
    return ancient(file) if file else []


def get_trunk(wildcards):
    """List of the states at which the run's budgets branch off."""
    owner, run, _ = find_run(wildcards)
    return [ancient(one.output) for one in owner.trainings(run) if one.part.kind == "trunk"]


def get_branch_options(wildcards):
    """What the verb `train` is told of a branch: its budgets, and the trunk that they leave."""
    owner, run, training = find_run(wildcards)
    budgets = [budget_name(cell.budget) for cell in training.part.cells]
    words = [word for budget in budgets for word in ("--budget", budget)]
    return shlex.join(["--trunk", owner.trunk_dir(run), *words])


def get_gpu_count(wildcards):
    """GPUs of the run, at least one, as the resource that Snakemake schedules by."""
    owner, run, _ = find_run(wildcards)
    return max(1, int(run_resources.gpus(owner.params, owner.runs[run])))


@functools.cache
def untrained(owner):
    """Runs of a study that were still to be trained when this was first asked."""
    lists = {run: owner.run_manifests(run) for run in owner.runs}
    return [run for run, paths in lists.items() if not all(Path(p).exists() for p in paths)]


def get_train_threads(wildcards):
    """CPU threads of the run: its part of the cores, by its part of the work that is left."""
    owner, run, _ = find_run(wildcards)
    return run_resources.threads(owner, run, untrained(owner), cores)
