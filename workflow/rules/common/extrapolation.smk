# What the rules of extrapolation.smk ask about the study.


def get_proposed_evaluations(wildcards):
    """Lists of the measured cells of the proposed runs. The first line makes Snakemake run the
    checkpoint and call again; `keys.forecast()` is None until then. The display is told of the new
    jobs, which it could not know at the start."""
    checkpoints.plan_extrapolation.get(key=keys.result_key("proposal"))
    proposed = keys.forecast()
    if session.console:
        session.console.monitor.add(progress_display.run_jobs(proposed))
    return [ancient(proposed.evaluation_manifest(run)) for run in proposed.runs]
