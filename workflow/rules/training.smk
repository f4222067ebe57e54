# Where the learning rate is constant, one job trains a run (a game, whose section says the family,
# a size, a seed) through all its budgets. Where it falls at each budget's end, one job trains the
# trunk that they share, and others the branches. The output lists what a job made; cells' files
# stay when a budget is added.


rule train:
    input:
        demonstrations=get_demonstrations,
        expert=get_asked_expert,
    output:
        cells=update("data/runs/{game}/{run}/cells-{digest}.json"),
    params:
        verb="train",
        settings=write_settings,
        store=get_demonstrations_store,
        run=get_run,
        branch="",
        expert=get_expert_option,
        gpus=get_gpus,
    log:
        "logs/train/{game}-{run}-{digest}.log",
    benchmark:
        "logs/times/train/{game}-{run}-{digest}.tsv"
    threads: get_train_threads
    priority: get_urgency("train")
    resources:
        gpu=get_gpu_count,
        mem_mb=get_memory("train"),
        runtime=get_runtime("train"),
    shell:
        "exec python -m ilscaling {params.verb} --params {params.settings:q}"
        " --game {wildcards.game:q} --size {params.run.size} --seed {params.run.seed}"
        " --demos {params.store:q} {params.branch} {params.expert} --gpus {params.gpus}"
        " --threads {threads} --out {output:q} > {log:q} 2>&1"


# What the budgets share, with a state wherever one branches off. Here `params` replaces only what
# it names; any other section replaces that of `train` as a whole.
use rule train as train_trunk with:
    output:
        states=update("data/runs/{game}/{run}/states-{digest}.json"),
    params:
        verb="trunk",
    log:
        "logs/train_trunk/{game}-{run}-{digest}.log",
    benchmark:
        "logs/times/train_trunk/{game}-{run}-{digest}.tsv"


# The parts of their own of a budget, or of several short ones.
use rule train as train_branch with:
    input:
        demonstrations=get_demonstrations,
        expert=get_asked_expert,
        trunk=get_trunk,
    output:
        cells=update("data/runs/{game}/{run}/branches-{digest}.json"),
    params:
        branch=get_branch_options,
    log:
        "logs/train_branch/{game}-{run}-{digest}.log",
    benchmark:
        "logs/times/train_branch/{game}-{run}-{digest}.tsv"
