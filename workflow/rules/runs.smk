# Training and evaluation. At a constant rate one job a run (game, size, seed), all budgets on its
# way; where the rate falls one for what its budgets share and others for their branches. A job's
# output is the list of what it made; the cells' own files stay when a budget is added.

localrules:
    cells,



def keys_of(wildcards):
    """The study whose run the wildcards name: this one, or that of its forecast."""
    return next(k for k in (K, K.forecast()) if k and named(k, wildcards))


def named(keys, wildcards):
    """The run of `keys` in the folder and with the ladder that the wildcards name, or None."""
    return runs_by_folder(keys).get((wildcards.game, wildcards.run, wildcards.ladder))


@functools.cache
def runs_by_folder(keys):
    lists = {path: run for run in keys.runs for path in lists_of(keys, run)}
    parts = {path: Path(path).parts for path in lists}
    return {(*parts[path][-3:-1], ladder_of(path)): run for path, run in lists.items()}


def lists_of(keys, run):
    """Outputs of all jobs of a run."""
    trained = [job.output for job in keys.trainings(run)]
    return [keys.run_manifest(run), keys.evaluation_manifest(run), *trained]


def ladder_of(path):
    return Path(path).stem.rpartition("-")[2]


def run_of(wildcards):
    return named(keys_of(wildcards), wildcards)


def training_of(wildcards):
    """The job of training that the wildcards name."""
    jobs = keys_of(wildcards).trainings(run_of(wildcards))
    return next(
        job
        for job in jobs
        if Path(job.output).parent.name == wildcards.run and ladder_of(job.output) == wildcards.ladder
    )


def jobs_of(rule, wildcards):
    """Outputs of the jobs of a rule that train the run that the wildcards name."""
    jobs = keys_of(wildcards).trainings(run_of(wildcards))
    return [ancient(job.output) for job in jobs if job.part.kind == rule]


def branch_of(wildcards):
    """What the command line of a branch's job says beside that of a run."""
    keys, run = keys_of(wildcards), run_of(wildcards)
    budgets = [f" --budget {budget_name(cell.budget)}" for cell in training_of(wildcards).part.cells]
    return f"--trunk {keys.trunk_dir(run)}" + "".join(budgets)


def reports_of(kind):
    return lambda w: reports(f"data/runs/{w.game}/{w.run}/{kind}-{w.ladder}.json")


def params_of(wildcards):
    """File with the parameters of the study whose run it is."""
    keys = keys_of(wildcards)
    return PARAMS if keys is K else preflight.write_params(keys.params)


def cost_of(wildcards):
    """Expected seconds of training: the longest job goes first, for the last one to end decides
    when the stage does. A trunk goes before what branches off it."""
    keys, run, job = keys_of(wildcards), run_of(wildcards), training_of(wildcards)
    seconds = job.part.cost.seconds
    if job.part.kind == "trunk":
        seconds += max(other.part.cost.seconds for other in keys.trainings(run) if other != job)
    return round(seconds)


def train_request(wildcards):
    """What a job of training asks of a cluster."""
    return cluster_requests.job(training_of(wildcards).part.cost)


def evaluate_request(wildcards):
    cells = keys_of(wildcards).runs[run_of(wildcards)]
    return cluster_requests.job(plan.evaluate_cost(P.games[wildcards.game], cells))


def gpus_of(wildcards):
    """GPUs of the run, or the share of one."""
    keys = keys_of(wildcards)
    return run_resources.gpus(keys.params, keys.runs[named(keys, wildcards)])


def threads_of(wildcards):
    keys = keys_of(wildcards)
    return run_resources.threads(keys, named(keys, wildcards), waiting(keys), CORES)


@functools.cache
def waiting(keys):
    """Runs of a study that were still to be trained when the pipeline started."""
    return [run for run in keys.runs if not Path(keys.run_manifest(run)).exists()]


def demonstrations_of(wildcards):
    return ancient(K.demos_stamp(wildcards.game))


# Folders of runs whose budgets have a part of their own.
BRANCHED = r".*-(?:cosine|wsd)-[0-9a-f]{12}"


rule train:
    input:
        demos=demonstrations_of,
    output:
        "data/runs/{game}/{run}/cells-{ladder}.json",
    wildcard_constraints:
        run=rf"(?!{BRANCHED}).*",
    params:
        verb="train",
        params=params_of,
        store=lambda w: K.demos(w.game),
        run=run_of,
        more="",
        claim=lambda w, output: os.path.dirname(output[0]),
        # With `--resources gpu=N` no more than N.
        gpus=lambda w, resources: min(gpus_of(w), resources.gpu),
        reports=reports_of("cells"),
    log:
        "logs/train/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/train/{game}-{run}-{ladder}.tsv"
    threads: threads_of
    priority: cost_of
    resources:
        gpu=lambda w: max(1, int(gpus_of(w))),
        mem_mb=memory(train_request),
        runtime=minutes(train_request),
    shell:
        "{params.reports} {CLAIM} {params.claim} {ON_DEVICE} --gpus {params.gpus}"
        " {ILSCALING} {params.verb} --params {params.params} --game {wildcards.game}"
        " --size {params.run.size} --seed {params.run.seed} --demos {params.store} {params.more}"
        " --threads {threads} --out {output} > {log} 2>&1"


# What the budgets of a run share, with a state wherever one branches off.
use rule train as trunk with:
    output:
        "data/runs/{game}/{run}/states-{ladder}.json",
    wildcard_constraints:
        run=r".*",
    params:
        verb="trunk",
        reports=reports_of("states"),
    log:
        "logs/trunk/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/trunk/{game}-{run}-{ladder}.tsv"


# The parts of their own of a budget, or of several short ones.
use rule train as branch with:
    input:
        demos=demonstrations_of,
        trunk=lambda w: jobs_of("trunk", w),
    output:
        "data/runs/{game}/{run}/branches-{ladder}.json",
    wildcard_constraints:
        run=r".*",
    params:
        more=branch_of,
        # Branches of a run may be trained side by side.
        claim=lambda w, output: output[0],
        reports=reports_of("branches"),
    log:
        "logs/branch/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/branch/{game}-{run}-{ladder}.tsv"


# The list of a run's cells from those of its branches.
rule cells:
    input:
        lambda w: jobs_of("branch", w),
    output:
        "data/runs/{game}/{run}/cells-{ladder}.json",
    wildcard_constraints:
        run=BRANCHED,
    shell:
        "{PYTHON} -m ilscaling.pipeline.merge_manifests {input} --out {output}"


rule evaluate:
    input:
        demos=demonstrations_of,
        run=lambda w: ancient(keys_of(w).run_manifest(run_of(w))),
    output:
        "data/evaluations/{game}/{run}/cells-{ladder}.json",
    params:
        params=params_of,
        store=lambda w: K.demos(w.game),
        gpus=lambda w, resources: min(gpus_of(w), resources.gpu),
        reports=lambda w: reports(f"data/evaluations/{w.game}/{w.run}/cells-{w.ladder}.json"),
    log:
        "logs/evaluate/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/evaluate/{game}-{run}-{ladder}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=memory(evaluate_request),
        runtime=minutes(evaluate_request),
    shell:
        "{params.reports} {CLAIM} $(dirname {output}) {ON_DEVICE} --gpus {params.gpus}"
        " {ILSCALING} evaluate"
        " --params {params.params} --game {wildcards.game}"
        " --run {input.run} --demos {params.store} --out {output} > {log} 2>&1"


# What uniformly random play scores: the zero of the scale.
rule random:
    output:
        "data/evaluations/{game}/random-{key}.json",
    params:
        game=lambda w: K.owner(w.game, w.key),
        reports=lambda w: reports(f"data/evaluations/{w.game}/random-{w.key}.json"),
    log:
        "logs/random/{game}-{key}.log",
    benchmark:
        "logs/times/random/{game}-{key}.tsv"
    threads: 1
    resources:
        mem_mb=memory(RANDOM),
        runtime=minutes(RANDOM),
    shell:
        "{params.reports} {CLAIM} {output} {ILSCALING} random --params {PARAMS}"
        " --game {params.game} --out {output} > {log} 2>&1"
