# Training and evaluation: one job a run (game, size, seed), all budgets on its way. The job's
# output is the list of its cells; the cells' own files stay when a budget is added.


def run_of(wildcards):
    """The run whose folder the wildcards name."""
    return RUNS[wildcards.game, wildcards.run]


RUNS = {
    (run.game, f"{run.name}-{key}"): run
    for run in K.runs
    for key in (K.run_key(run), K.evaluation_key(run))
}


def demonstrations_of(wildcards):
    return ancient(K.demos_stamp(wildcards.game))


rule train:
    input:
        demos=demonstrations_of,
    output:
        "data/runs/{game}/{run}/cells-{ladder}.json",
    params:
        store=lambda w: K.demos(w.game),
        run=run_of,
        reports=lambda w: reports(f"data/runs/{w.game}/{w.run}/cells-{w.ladder}.json"),
    log:
        "logs/train/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/train/{game}-{run}-{ladder}.tsv"
    threads: lambda w: P.games[w.game].train.threads
    # The longest first: the last job to end decides when the stage does.
    priority: lambda w: round(plan.train_cost(P.games[w.game], K.runs[run_of(w)]).seconds)
    resources:
        gpu=1,
    shell:
        "{params.reports} {ON_DEVICE} train --params {PARAMS} --game {wildcards.game}"
        " --size {params.run.size} --seed {params.run.seed} --demos {params.store}"
        " --out {output} > {log} 2>&1"


rule evaluate:
    input:
        demos=demonstrations_of,
        run=lambda w: ancient(K.run_manifest(run_of(w))),
    output:
        "data/evaluations/{game}/{run}/cells-{ladder}.json",
    params:
        store=lambda w: K.demos(w.game),
        reports=lambda w: reports(f"data/evaluations/{w.game}/{w.run}/cells-{w.ladder}.json"),
    log:
        "logs/evaluate/{game}-{run}-{ladder}.log",
    benchmark:
        "logs/times/evaluate/{game}-{run}-{ladder}.tsv"
    threads: 1
    resources:
        gpu=1,
    shell:
        "{params.reports} {ON_DEVICE} evaluate --params {PARAMS} --game {wildcards.game}"
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
