# Training and evaluation: one job a run (game, size, seed), all budgets on its way. The job's
# output is the list of its cells; the cells' own files stay when a budget is added.


def keys_of(wildcards):
    """The study whose run the wildcards name: this one, or that of its forecast."""
    return next(k for k in (K, K.forecast()) if k and named(k, wildcards))


def named(keys, wildcards):
    """The run of `keys` in the folder and with the ladder that the wildcards name, or None."""
    return runs_by_folder(keys).get((wildcards.game, wildcards.run, wildcards.ladder))


@functools.cache
def runs_by_folder(keys):
    return {
        (run.game, f"{run.name}-{key}", keys.ladder(run)): run
        for run in keys.runs
        for key in (keys.run_key(run), keys.evaluation_key(run))
    }


def run_of(wildcards):
    return named(keys_of(wildcards), wildcards)


def params_of(wildcards):
    """File with the parameters of the study whose run it is."""
    keys = keys_of(wildcards)
    return PARAMS if keys is K else guard.write_params(keys.params)


def cost_of(wildcards):
    """Expected seconds of training: the longest run goes first, for the last job to end decides
    when the stage does."""
    keys = keys_of(wildcards)
    return round(plan.train_cost(P.games[wildcards.game], keys.runs[run_of(wildcards)]).seconds)


def gpus_of(wildcards):
    """GPUs of the run, or the share of one."""
    keys = keys_of(wildcards)
    return machine.gpus(keys.params, keys.runs[named(keys, wildcards)])


def threads_of(wildcards):
    keys = keys_of(wildcards)
    here = workflow.is_main_process and workflow.local_exec
    return machine.threads(
        keys, named(keys, wildcards), waiting(keys), workflow.cores if here else None
    )


@functools.cache
def waiting(keys):
    """Runs of a study that were still to be trained when the pipeline started."""
    return [run for run in keys.runs if not Path(keys.run_manifest(run)).exists()]


def demonstrations_of(wildcards):
    return ancient(K.demos_stamp(wildcards.game))


rule train:
    input:
        demos=demonstrations_of,
    output:
        "data/runs/{game}/{run}/cells-{ladder}.json",
    params:
        params=params_of,
        store=lambda w: K.demos(w.game),
        run=run_of,
        # With `--resources gpu=N` no more than N.
        gpus=lambda w, resources: min(gpus_of(w), resources.gpu),
        reports=lambda w: reports(f"data/runs/{w.game}/{w.run}/cells-{w.ladder}.json"),
    log:
        "logs/train/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/train/{game}-{run}-{ladder}.tsv"
    threads: threads_of
    priority: cost_of
    resources:
        gpu=lambda w: max(1, int(gpus_of(w))),
    shell:
        "{params.reports} {ON_DEVICE} --gpus {params.gpus} {ILSCALING} train"
        " --params {params.params} --game {wildcards.game}"
        " --size {params.run.size} --seed {params.run.seed} --demos {params.store}"
        " --threads {threads} --out {output} > {log} 2>&1"


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
    shell:
        "{params.reports} {ON_DEVICE} --gpus {params.gpus} {ILSCALING} evaluate"
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
    shell:
        "{params.reports} {ILSCALING} random --params {PARAMS} --game {params.game}"
        " --out {output} > {log} 2>&1"
