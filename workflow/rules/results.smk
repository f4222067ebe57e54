# Table, fits, figures, report: a keyed folder each, whose `done.json` holds the SHA-256 of its
# files; and results/STUDY, where people find them.
#
# {key} is that of the study as it is now, and the inputs come from `keys`: another key is refused
# (`get_folder`). In figures and report it also says whether they show the forecast
# (extrapolation.smk).


rule collect_table:
    input:
        demonstrations=get_all_demonstrations(),
        evaluations=get_all_evaluations(),
    output:
        table=update("data/results/table-{key}/results.csv"),
        done=update("data/results/table-{key}/done.json"),
    params:
        study=session.study_file,
        folder=get_folder,
    log:
        "logs/collect_table/{key}.log",
    benchmark:
        "logs/times/collect_table/{key}.tsv"
    shell:
        "exec python -m ilscaling.pipeline.collect_table --study {params.study:q}"
        " --out {params.folder:q} --promised {output:q} > {log:q} 2>&1"


rule fit:
    input:
        table=get_step("table"),
    output:
        fits=update("data/results/fit-{key}/laws/fits.json"),
        optima=update("data/results/fit-{key}/laws/optima.csv"),
        metrics=update("data/results/fit-{key}/metrics.json"),
        headline=update("data/results/fit-{key}/headline.json"),
        done=update("data/results/fit-{key}/done.json"),
    params:
        study=session.study_file,
        table=get_step_folder("table"),
        folder=get_folder,
    log:
        "logs/fit/{key}.log",
    benchmark:
        "logs/times/fit/{key}.tsv"
    threads: len(keys.params.games) # a process a game
    shell:
        "exec python -m ilscaling.pipeline.fit_laws --study {params.study:q}"
        " --table {params.table:q} --out {params.folder:q} --promised {output:q} > {log:q} 2>&1"


rule plot_figures:
    input:
        demonstrations=get_all_demonstrations(),
        runs=get_all_runs(),
        evaluations=get_all_evaluations(),
        table=get_step("table"),
        fit=get_step("fit"),
        forecast=get_forecast,
    output:
        profiles=report(
            update("data/results/figures-{key}/profiles.png"),
            caption="../report/profiles.rst",
            category="Figures",
        ),
        laws=report(
            update("data/results/figures-{key}/laws.png"),
            caption="../report/laws.rst",
            category="Figures",
        ),
        return_on_loss=report(
            update("data/results/figures-{key}/return_on_loss.png"),
            caption="../report/return_on_loss.rst",
            category="Figures",
        ),
        done=update("data/results/figures-{key}/done.json"),
    params:
        study=session.study_file,
        table=get_step_folder("table"),
        fit=get_step_folder("fit"),
        forecast=get_forecast_option,
        folder=get_folder,
    log:
        "logs/plot_figures/{key}.log",
    benchmark:
        "logs/times/plot_figures/{key}.tsv"
    shell:
        "exec python -m ilscaling.pipeline.plot_figures --study {params.study:q}"
        " --table {params.table:q} --fit {params.fit:q} {params.forecast}"
        " --out {params.folder:q} --promised {output:q} > {log:q} 2>&1"


rule write_report:
    input:
        table=get_step("table"),
        fit=get_step("fit"),
        figures=get_figures,
        forecast=get_forecast,
    output:
        page=report(
            update("data/results/report-{key}/report.html"),
            caption="../report/report.rst",
            category="Report",
        ),
        done=update("data/results/report-{key}/done.json"),
    params:
        study=session.study_file,
        table=get_step_folder("table"),
        fit=get_step_folder("fit"),
        figures=get_figures_folder,
        forecast=get_forecast_option,
        folder=get_folder,
    log:
        "logs/write_report/{key}.log",
    benchmark:
        "logs/times/write_report/{key}.tsv"
    shell:
        "exec python -m ilscaling.pipeline.write_report --study {params.study:q}"
        " --table {params.table:q} --fit {params.fit:q} --figures {params.figures:q}"
        " {params.forecast} --out {params.folder:q} --promised {output:q} > {log:q} 2>&1"


# Asked for only where results/STUDY differs from what the steps made (`list_publication`), so it
# must always run then: its output is named by this start and deleted. A local rule: a cluster's job
# would read another `started`.
rule publish:
    input:
        steps=get_published_steps,
    output:
        temp(touch(f".snakemake/published/{started}/{{study}}-{{key}}")),
    params:
        folders=get_folders,
    log:
        "logs/publish/{study}-{key}.log",
    shell:
        "exec python -m ilscaling.pipeline.publication {params.folders:q}"
        " --out results/{wildcards.study:q} > {log:q} 2>&1"
