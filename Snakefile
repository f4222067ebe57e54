# From an expert to a fitted scaling law. Includes and targets only; the steps are in
# workflow/rules, keys and paths in workflow/keys.py.

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


# The whole study: table, fits, figures and report.
rule all:
    default_target: True
    input:
        ancient(K.stamp("report", forecast=K.has_forecast)),
        ancient(K.stamp("headline")),
        ancient("results/headline.json"),


# The whole study, and what its laws predict for a larger budget, trained and measured.
rule forecast:
    input:
        ancient(K.stamp("report", forecast=True)),
        ancient(K.stamp("headline")),
        ancient("results/headline.json"),


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
