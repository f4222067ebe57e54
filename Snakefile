# From an expert to a fitted scaling law. Includes and targets only; the steps are in
# workflow/rules, keys and paths in src/ilscaling/pipeline/keys.py.

configfile: "params.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/demonstrations.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/forecast.smk"
include: "workflow/rules/headline.smk"


# Where Snakemake itself runs, on a cluster, too: seconds each, which would wait in a queue.
localrules:
    all,
    demonstrations,
    runs,
    evaluations,
    forecast,
    table,
    fit,
    headline,
    figures,
    report,
    propose,
    realise,


def results(forecast):
    """All results, by name: what went missing is made again, though what was made of it still is
    there. `forecast`: whether figures and report show it."""
    shown = [K.stamp(step, forecast=forecast) for step in ("figures", "report")]
    stamps = [K.stamp(step) for step in ("table", "fit", "headline")]
    files = ("results.csv", "laws/fits.json", "metrics.json", "headline.json")
    return [ancient(path) for path in (*stamps, *shown, *(f"results/{name}" for name in files))]


# The whole study: table, fits, figures and report.
rule all:
    default_target: True
    input:
        results(K.has_forecast),


# The whole study, and what its laws predict for a larger budget, trained and measured.
rule forecast:
    input:
        results(True),


rule demonstrations:
    input:
        [ancient(K.demos_stamp(game)) for game in P.games],


rule runs:
    input:
        [ancient(K.run_manifest(run)) for run in K.runs],


rule evaluations:
    input:
        [ancient(K.evaluation_manifest(run)) for run in K.runs],
        [ancient(K.random(game)) for game in P.games],
