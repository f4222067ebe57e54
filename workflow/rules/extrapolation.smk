# The study's own forecast: the size that the fitted laws propose at a larger budget, trained and
# measured. What they propose (`proposal`) is known only when they are fitted, hence the checkpoint;
# what came of it is the step `forecast`.


checkpoint plan_extrapolation:
    input:
        table=get_step("table"),
        fit=get_step("fit"),
    output:
        done=update("data/results/proposal-{key}/done.json"),
    params:
        study=session.study_file,
        table=get_step_folder("table"),
        fit=get_step_folder("fit"),
        folder=get_folder,
    log:
        "logs/plan_extrapolation/{key}.log",
    benchmark:
        "logs/times/plan_extrapolation/{key}.tsv"
    shell:
        "exec python -m ilscaling.pipeline.plan_extrapolation --study {params.study:q}"
        " --table {params.table:q} --fit {params.fit:q} --out {params.folder:q} > {log:q} 2>&1"


rule collect_extrapolation:
    input:
        evaluations=get_proposed_evaluations,
        proposal=get_step("proposal"),
    output:
        done=update("data/results/forecast-{key}/done.json"),
    params:
        study=session.study_file,
        proposal=get_step_folder("proposal"),
        folder=get_folder,
    log:
        "logs/collect_extrapolation/{key}.log",
    benchmark:
        "logs/times/collect_extrapolation/{key}.tsv"
    shell:
        "exec python -m ilscaling.pipeline.collect_extrapolation --study {params.study:q}"
        " --proposal {params.proposal:q} --out {params.folder:q} > {log:q} 2>&1"
