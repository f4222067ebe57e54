# Expert, recording, sharding; for NetHack recording and ingest.


def request_of(cost, processes=1):
    """What a job for the game that the wildcards name asks of a cluster; cost: of (game, name)."""

    def request(wildcards):
        name = K.owner(wildcards.game, wildcards.key)
        return cluster_requests.job(cost(P.games[name], name), processes)

    return request


INGEST_THREADS = cluster_requests.ingest_threads(CORES)
EXPERT = request_of(lambda game, name: plan.expert_cost(game))
RECORD = request_of(plan.record_cost)
SHARD = request_of(plan.shard_cost)
INGEST = request_of(plan.shard_cost, INGEST_THREADS)
RANDOM = request_of(plan.random_cost)


rule train_expert:
    output:
        "data/experts/{game}-{key}.safetensors",
        "data/experts/{game}-{key}.json",
    params:
        game=lambda w: K.owner(w.game, w.key),
        work=lambda w: K.expert_work(K.owner(w.game, w.key)),
        reports=lambda w: reports(f"data/experts/{w.game}-{w.key}.safetensors"),
    log:
        "logs/train_expert/{game}-{key}.log",
    benchmark:
        "logs/times/train_expert/{game}-{key}.tsv"
    threads: 2
    resources:
        gpu=1,
        mem_mb=memory(EXPERT),
        runtime=minutes(EXPERT),
    shell:
        "{params.reports} {CLAIM} {params.work} {ON_DEVICE} {ILSCALING} train-expert"
        " --params {PARAMS} --game {params.game}"
        " --out {output[0]} --work {params.work} --threads {threads} > {log} 2>&1"


# One of several recording jobs, each with episode seeds of its own.
rule record:
    input:
        lambda w: ancient(K.expert(K.owner(w.game, w.key)) or []),
    output:
        temp("data/parts/{game}-{key}/part-{job}.zip"),
    params:
        game=lambda w: K.owner(w.game, w.key),
        expert=lambda w, input: f"--expert {input[0]}" if input else "",
        reports=lambda w: reports(f"data/parts/{w.game}-{w.key}/part-{w.job}.zip"),
    log:
        "logs/record/{game}-{key}-{job}.log",
    benchmark:
        "logs/times/record/{game}-{key}-{job}.tsv"
    threads: 1
    resources:
        mem_mb=memory(RECORD),
        runtime=minutes(RECORD),
    shell:
        "{params.reports} {CLAIM} {output} {ILSCALING} record --params {PARAMS}"
        " --game {params.game} {params.expert} --job {wildcards.job} --out {output} > {log} 2>&1"


# The built-in bot plays NetHack, and NetHack records it: a folder in the layout of NLD.
rule play:
    output:
        temp(directory("data/recordings/{game}-{key}/job-{job}")),
    params:
        game=lambda w: K.owner(w.game, w.key),
        reports=lambda w: reports(f"data/recordings/{w.game}-{w.key}/job-{w.job}"),
    log:
        "logs/play/{game}-{key}-{job}.log",
    benchmark:
        "logs/times/play/{game}-{key}-{job}.tsv"
    threads: 1
    resources:
        mem_mb=memory(RECORD),
        runtime=minutes(RECORD),
    shell:
        "{params.reports} {CLAIM} {output} {ILSCALING} record --params {PARAMS}"
        " --game {params.game}"
        " --job {wildcards.job} --out {output} > {log} 2>&1"


# Recordings, the bot's or anybody's, into a store; resumes by parts of a few games.
rule ingest:
    input:
        lambda w: [ancient(part) for part in K.parts(K.owner(w.game, w.key))],
    output:
        "data/demonstrations/{game}-{key}/done.json",
    wildcard_constraints:
        game="nethack",
    params:
        game=lambda w: K.owner(w.game, w.key),
        store=lambda w: K.demos(K.owner(w.game, w.key)),
        folders=lambda w: K.recordings(K.owner(w.game, w.key)),
        reports=lambda w: reports(f"data/demonstrations/{w.game}-{w.key}/done.json"),
    log:
        "logs/ingest/{game}-{key}.log",
    benchmark:
        "logs/times/ingest/{game}-{key}.tsv"
    threads: INGEST_THREADS
    resources:
        mem_mb=memory(INGEST),
        runtime=minutes(INGEST),
    shell:
        "{params.reports} {CLAIM} {params.store} {ILSCALING} ingest --params {PARAMS}"
        " --game {params.game} --nld {params.folders:q} --out {params.store} --stamp {output}"
        " --processes {threads} > {log} 2>&1"


# The store itself is a directory beside the stamp: later rules may then read inside it.
rule shard:
    input:
        parts=lambda w: [ancient(part) for part in K.parts(K.owner(w.game, w.key))],
    output:
        "data/demonstrations/{game}-{key}/done.json",
    wildcard_constraints:
        game="(?!nethack-)[a-z][a-z0-9_]*",
    params:
        game=lambda w: K.owner(w.game, w.key),
        store=lambda w: K.demos(K.owner(w.game, w.key)),
        reports=lambda w: reports(f"data/demonstrations/{w.game}-{w.key}/done.json"),
    log:
        "logs/shard/{game}-{key}.log",
    benchmark:
        "logs/times/shard/{game}-{key}.tsv"
    threads: 1
    resources:
        mem_mb=memory(SHARD),
        runtime=minutes(SHARD),
    shell:
        "{params.reports} {CLAIM} {params.store} {ILSCALING} shard --params {PARAMS}"
        " --game {params.game}"
        " --out {params.store} --stamp {output} {input.parts} > {log} 2>&1"
