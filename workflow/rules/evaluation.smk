# Dev loss and return of every cell of a run, and what uniformly random play scores.


rule evaluate:
    input:
        demonstrations=get_demonstrations,
        cells=get_run_lists,
        expert=get_measuring_expert,
    output:
        cells=update("data/evaluations/{game}/{run}/cells-{digest}.json"),
    params:
        settings=write_settings,
        store=get_demonstrations_store,
        lists=get_run_options,
        expert=get_expert_option,
        gpus=get_gpus,
    log:
        "logs/evaluate/{game}-{run}-{digest}.log",
    benchmark:
        "logs/times/evaluate/{game}-{run}-{digest}.tsv"
    threads: 1
    priority: get_urgency("evaluate")
    resources:
        gpu=1,
        mem_mb=get_memory("evaluate"),
        runtime=get_runtime("evaluate"),
    shell:
        "exec python -m ilscaling evaluate --params {params.settings:q} --game {wildcards.game:q}"
        " {params.lists} {params.expert} --demos {params.store:q} --gpus {params.gpus}"
        " --out {output.cells:q} > {log:q} 2>&1"


# The cells of each budget's best size once more, by more episodes, where a section wants that.
rule evaluate_best:
    input:
        demonstrations=get_demonstrations,
        cells=get_section_lists,
        measured=get_section_evaluations,
        expert=get_section_expert,
    output:
        cells=update("data/evaluations/{game}/best-{key}/cells-best.json"),
    params:
        settings=session.params_file,
        store=get_demonstrations_store,
        lists=get_section_options,
        expert=get_expert_option,
        gpus=get_section_gpus,
    log:
        "logs/evaluate_best/{game}-{key}.log",
    benchmark:
        "logs/times/evaluate_best/{game}-{key}.tsv"
    threads: 1
    priority: get_urgency("best")
    resources:
        gpu=1,
        mem_mb=get_memory("best"),
        runtime=get_runtime("best"),
    shell:
        "exec python -m ilscaling evaluate-best --params {params.settings:q} --game {wildcards.game:q}"
        " {params.lists} {params.expert} --demos {params.store:q} --gpus {params.gpus}"
        " --out {output.cells:q} > {log:q} 2>&1"


# What random play scores: the zero of the scale of normalised returns. Sections of one dataset
# share it.
rule evaluate_random:
    output:
        returns=update("data/evaluations/{dataset}/random-{key}.json"),
    params:
        settings=session.params_file,
        game=get_game,
    log:
        "logs/evaluate_random/{dataset}-{key}.log",
    benchmark:
        "logs/times/evaluate_random/{dataset}-{key}.tsv"
    threads: 1
    resources:
        mem_mb=get_memory("random"),
        runtime=get_runtime("random"),
    shell:
        "exec python -m ilscaling random --params {params.settings:q} --game {params.game:q}"
        " --out {output.returns:q} > {log:q} 2>&1"
