# Expert, recording, sharding; for NetHack recording and ingest.


rule train_expert:
    output:
        "data/experts/{game}-{key}.safetensors",
        "data/experts/{game}-{key}.json",
    params:
        work=lambda w: K.expert_work(w.game),
        reports=lambda w: reports(f"data/experts/{w.game}-{w.key}.safetensors"),
    log:
        "logs/train_expert/{game}-{key}.log",
    benchmark:
        "logs/times/train_expert/{game}-{key}.tsv"
    threads: 2
    resources:
        gpu=1,
    shell:
        "{params.reports} {ON_DEVICE} {ILSCALING} train-expert --params {PARAMS} --game {wildcards.game}"
        " --out {output[0]} --work {params.work} --threads {threads} > {log} 2>&1"


# One of several recording jobs, each with episode seeds of its own.
rule record:
    input:
        expert=lambda w: ancient(K.expert(w.game)),
    output:
        temp("data/parts/{game}-{key}/part-{job}.zip"),
    params:
        reports=lambda w: reports(f"data/parts/{w.game}-{w.key}/part-{w.job}.zip"),
    log:
        "logs/record/{game}-{key}-{job}.log",
    benchmark:
        "logs/times/record/{game}-{key}-{job}.tsv"
    threads: 1
    shell:
        "{params.reports} {ILSCALING} record --params {PARAMS} --game {wildcards.game}"
        " --expert {input.expert} --job {wildcards.job} --out {output} > {log} 2>&1"


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
    shell:
        "{params.reports} {ILSCALING} record --params {PARAMS} --game {params.game}"
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
    # Half of the cores: a job that waits for all of them would come last of all.
    threads: max(1, workflow.cores // 2)
    shell:
        "{params.reports} {ILSCALING} ingest --params {PARAMS} --game {params.game}"
        " --nld {params.folders:q} --out {params.store} --stamp {output} --processes {threads}"
        " > {log} 2>&1"


# The store itself is a directory beside the stamp: later rules may then read inside it.
rule shard:
    input:
        parts=lambda w: [ancient(part) for part in K.parts(w.game)],
    output:
        "data/demonstrations/{game}-{key}/done.json",
    wildcard_constraints:
        game="(?!nethack-)[a-z][a-z0-9_]*",
    params:
        store=lambda w: K.demos(w.game),
        reports=lambda w: reports(f"data/demonstrations/{w.game}-{w.key}/done.json"),
    log:
        "logs/shard/{game}-{key}.log",
    benchmark:
        "logs/times/shard/{game}-{key}.tsv"
    threads: 1
    shell:
        "{params.reports} {ILSCALING} shard --params {PARAMS} --game {wildcards.game}"
        " --out {params.store} --stamp {output} {input.parts} > {log} 2>&1"
