# From an expert to a fitted scaling law. Includes and targets only; the steps are in
# workflow/rules, keys and paths in src/ilscaling/pipeline/keys.

from snakemake.utils import min_version

min_version("9.27")


configfile: "params.yaml"


report: "workflow/report/study.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/common/urgency.smk"
include: "workflow/rules/common/demonstrations.smk"
include: "workflow/rules/demonstrations.smk"
include: "workflow/rules/common/training.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/common/evaluation.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/common/results.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/common/extrapolation.smk"
include: "workflow/rules/extrapolation.smk"


# These run where Snakemake runs, with a cluster as well: each takes seconds and would wait in a
# queue.
localrules:
    collect_table,
    fit,
    plot_figures,
    write_report,
    publish,
    plan_extrapolation,
    collect_extrapolation,


# The whole study: table, fits, figures and report in results/STUDY.
rule all:
    default_target: True
    input:
        get_results,
        get_publication,


# The whole study, and what its laws predict for a larger budget, trained and measured.
rule forecast:
    input:
        get_results_with_forecast,
        get_publication_with_forecast,


rule demonstrations:
    input:
        get_all_demonstrations(),


rule runs:
    input:
        get_all_runs(),


rule evaluations:
    input:
        get_all_evaluations(),
