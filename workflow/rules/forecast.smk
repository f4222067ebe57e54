# The study's own forecast: the size that the fitted laws propose at a larger budget, trained and
# measured. What they propose is known only when they are fitted, hence the checkpoint.


checkpoint propose:
    input:
        ancient(K.stamp("fit")),
        table=ancient("results/results.csv"),
    output:
        stamp=K.stamp("proposal"),
    log:
        f"logs/proposal-{K.proposal_key}.log",
    benchmark:
        f"logs/times/proposal-{K.proposal_key}.tsv"
    shell:
        "{PYTHON} -m ilscaling.pipeline.plan_extrapolation --study {STUDY} --table {input.table} --laws results/laws"
        " --stamp {output.stamp} > {log} 2>&1"


def proposed_evaluations(wildcards):
    """Evaluations of the proposed cells; their jobs join the line with the ETA."""
    checkpoints.propose.get()
    wanted = K.forecast()
    WATCH.add(progress_display.run_jobs(wanted))
    return [ancient(wanted.evaluation_manifest(run)) for run in wanted.runs]


rule realise:
    input:
        proposed_evaluations,
        proposal=ancient(K.stamp("proposal")),
    output:
        stamp=K.stamp("forecast"),
    log:
        f"logs/forecast-{K.forecast_key}.log",
    benchmark:
        f"logs/times/forecast-{K.forecast_key}.tsv"
    shell:
        "{PYTHON} -m ilscaling.pipeline.collect_extrapolation --study {STUDY} --proposal {input.proposal}"
        " --stamp {output.stamp} > {log} 2>&1"
