# Expert, recording, store: train_expert, record, build_store; of NetHack record_nethack, ingest,
# and of anybody's games ingest alone. `keys.parts` chooses the recording rule by the path that it
# asks for: data/parts or data/recordings. Two rules make a store's done.json; `dataset` tells them
# apart.
#
# `exec` in a shell line hands the job's signals to the verb, which saves its state and ends.


ingest_threads = cluster_requests.ingest_threads(cores)


rule train_expert:
    output:
        policy=update("data/experts/{dataset}-{key}.safetensors"),
        record=update("data/experts/{dataset}-{key}.json"),
    params:
        settings=session.params_file,
        game=get_game,
        work=get_expert_work,
    log:
        "logs/train_expert/{dataset}-{key}.log",
    benchmark:
        "logs/times/train_expert/{dataset}-{key}.tsv"
    threads: 1
    priority: get_urgency("expert")
    resources:
        gpu=1,
        mem_mb=get_memory("expert"),
        runtime=get_runtime("expert"),
    shell:
        "exec python -m ilscaling train-expert --params {params.settings:q} --game {params.game:q}"
        " --out {output.policy:q} --work {params.work:q} --threads {threads} > {log:q} 2>&1"


# One of several recording jobs, each with episode seeds of its own.
rule record:
    input:
        expert=get_expert,
    output:
        part=temp("data/parts/{dataset}-{key}/part-{job}.zip"),
    params:
        settings=session.params_file,
        game=get_game,
        expert=get_expert_option,
    log:
        "logs/record/{dataset}-{key}-{job}.log",
    benchmark:
        "logs/times/record/{dataset}-{key}-{job}.tsv"
    threads: 1
    priority: get_urgency("record")
    resources:
        mem_mb=get_memory("record"),
        runtime=get_runtime("record"),
    shell:
        "exec python -m ilscaling record --params {params.settings:q} --game {params.game:q}"
        " {params.expert} --job {wildcards.job} --out {output.part:q} > {log:q} 2>&1"


# The built-in bot plays NetHack, and NetHack records it: a folder in the layout of NLD.
rule record_nethack:
    output:
        folder=temp(directory("data/recordings/{dataset}-{key}/job-{job}")),
    params:
        settings=session.params_file,
        game=get_game,
    log:
        "logs/record_nethack/{dataset}-{key}-{job}.log",
    benchmark:
        "logs/times/record_nethack/{dataset}-{key}-{job}.tsv"
    threads: 1
    priority: get_urgency("record")
    resources:
        mem_mb=get_memory("record"),
        runtime=get_runtime("record"),
    shell:
        "exec python -m ilscaling record --params {params.settings:q} --game {params.game:q}"
        " --job {wildcards.job} --out {output.folder:q} > {log:q} 2>&1"


# Recordings, the bot's or anybody's, into a store; resumes by parts of a few games. The input is the
# bot's jobs, to wait for; `params.recordings` says where the games lie.
rule ingest:
    input:
        recordings=get_parts,
    output:
        done=update("data/demonstrations/{dataset}-{key}/done.json"),
    wildcard_constraints:
        dataset=get_datasets("ingest"),
    params:
        settings=session.params_file,
        game=get_game,
        store=get_store,
        recordings=get_recordings,
    log:
        "logs/ingest/{dataset}-{key}.log",
    benchmark:
        "logs/times/ingest/{dataset}-{key}.tsv"
    threads: ingest_threads
    priority: get_urgency("store")
    resources:
        mem_mb=get_memory("store", ingest_threads),
        runtime=get_runtime("store", ingest_threads),
    shell:
        "exec python -m ilscaling ingest --params {params.settings:q} --game {params.game:q}"
        " {params.recordings} --out {params.store:q} --stamp {output.done:q}"
        " --processes {threads} > {log:q} 2>&1"


# Recorded parts into a store.
rule build_store:
    input:
        parts=get_parts,
    output:
        done=update("data/demonstrations/{dataset}-{key}/done.json"),
    wildcard_constraints:
        dataset=get_datasets("shard"),
    params:
        settings=session.params_file,
        game=get_game,
        store=get_store,
    log:
        "logs/build_store/{dataset}-{key}.log",
    benchmark:
        "logs/times/build_store/{dataset}-{key}.tsv"
    threads: 1
    priority: get_urgency("store")
    resources:
        mem_mb=get_memory("store"),
        runtime=get_runtime("store"),
    shell:
        "exec python -m ilscaling shard --params {params.settings:q} --game {params.game:q}"
        " --out {params.store:q} --stamp {output.done:q} {input.parts:q} > {log:q} 2>&1"
