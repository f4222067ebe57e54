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
    return round(asked(ask.train, wildcards).seconds)


def asked(of, wildcards):
    """What a job of a run, by its function in resources.py, asks of a cluster."""
    return of(keys_of(wildcards).runs[run_of(wildcards)], P.games[wildcards.game])


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
        reports=lambda w: reports(f"data/runs/{w.game}/{w.run}/cells-{w.ladder}.json"),
    log:
        "logs/train/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/train/{game}-{run}-{ladder}.tsv"
    threads: lambda w: P.games[w.game].train.threads
    priority: cost_of
    resources:
        gpu=1,
        mem_mb=lambda w, attempt: asked(ask.train, w).mem_mb(attempt),
        runtime=lambda w, attempt: asked(ask.train, w).runtime(attempt),
    shell:
        "{params.reports} {CLAIM} $(dirname {output}) {ON_DEVICE} train"
        " --params {params.params} --game {wildcards.game}"
        " --size {params.run.size} --seed {params.run.seed} --demos {params.store}"
        " --out {output} > {log} 2>&1"


rule evaluate:
    input:
        demos=demonstrations_of,
        run=lambda w: ancient(keys_of(w).run_manifest(run_of(w))),
    output:
        "data/evaluations/{game}/{run}/cells-{ladder}.json",
    params:
        params=params_of,
        store=lambda w: K.demos(w.game),
        reports=lambda w: reports(f"data/evaluations/{w.game}/{w.run}/cells-{w.ladder}.json"),
    log:
        "logs/evaluate/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/evaluate/{game}-{run}-{ladder}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda w, attempt: asked(ask.evaluate, w).mem_mb(attempt),
        runtime=lambda w, attempt: asked(ask.evaluate, w).runtime(attempt),
    shell:
        "{params.reports} {CLAIM} $(dirname {output}) {ON_DEVICE} evaluate"
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
        mem_mb=lambda w, attempt: ask.random(P.games[K.owner(w.game, w.key)]).mem_mb(attempt),
        runtime=lambda w, attempt: ask.random(P.games[K.owner(w.game, w.key)]).runtime(attempt),
    shell:
        "{params.reports} {CLAIM} {output} {ILSCALING} random --params {PARAMS}"
        " --game {params.game} --out {output} > {log} 2>&1"
