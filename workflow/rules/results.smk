# Table, fits, figures, report: files with fixed names for people, and one keyed stamp a step.

# What the figures and the report read beside the table: asked for only where they must be made.
MEASURED = [
    *(ancient(K.demos_stamp(game)) for game in P.games),
    *(ancient(K.run_manifest(run)) for run in K.runs),
    *(ancient(K.evaluation_manifest(run)) for run in K.runs),
]


rule table:
    input:
        [ancient(K.evaluation_manifest(run)) for run in K.runs],
        [ancient(K.random(game)) for game in P.games],
        [ancient(K.demos_stamp(game)) for game in P.games],
    output:
        stamp=K.stamp("table"),
        table="results/results.csv",
    log:
        f"logs/table-{K.table_key}.log",
    benchmark:
        f"logs/times/table-{K.table_key}.tsv"
    shell:
        "{PYTHON} -m ilscaling.pipeline.collect_table --study {STUDY} --out {output.table}"
        " --stamp {output.stamp} > {log} 2>&1"


rule fit:
    input:
        ancient(K.stamp("table")),
        table=ancient("results/results.csv"),
    output:
        stamp=K.stamp("fit"),
        fits="results/laws/fits.json",
        metrics="results/metrics.json",
    log:
        f"logs/fit-{K.fit_key}.log",
    benchmark:
        f"logs/times/fit-{K.fit_key}.tsv"
    threads: len(P.games)
    shell:
        "{ILSCALING} fit {input.table} --params {PARAMS} --out results/laws --no-figures"
        " --processes {threads} --metrics {output.metrics} --stamp {output.stamp} > {log} 2>&1"


# Figures and report show the forecast once it was trained: under a key of their own.
def shows_forecast(step, wildcards):
    return wildcards.key == K.key_of(step, forecast=True)


def forecast_of(step):
    """Stamp of the forecast, where a step's key says that it shows it."""
    return lambda w: ancient(K.stamp("forecast")) if shows_forecast(step, w) else []


rule figures:
    input:
        MEASURED,
        ancient(K.stamp("fit")),
        table=ancient("results/results.csv"),
        forecast=forecast_of("figures"),
    output:
        stamp="results/keys/figures-{key}.json",
    log:
        "logs/figures-{key}.log",
    benchmark:
        "logs/times/figures-{key}.tsv"
    shell:
        "{PYTHON} -m ilscaling.pipeline.plot_figures --study {STUDY} --table {input.table} --laws results/laws"
        " --forecast {input.forecast} --out results/figures --stamp {output.stamp} > {log} 2>&1"


# The page has a fixed name and stands in its stamp: a stamp whose files are gone does not count.
rule report:
    input:
        MEASURED,
        lambda w: ancient(K.stamp("figures", forecast=shows_forecast("report", w))),
        table=ancient("results/results.csv"),
        forecast=forecast_of("report"),
    output:
        stamp="results/keys/report-{key}.json",
    log:
        "logs/report-{key}.log",
    benchmark:
        "logs/times/report-{key}.tsv"
    shell:
        "{PYTHON} -m ilscaling.pipeline.write_report --study {STUDY} --table {input.table} --laws results/laws"
        " --figures results/figures --forecast {input.forecast}"
        " --out results/report.html --stamp {output.stamp} > {log} 2>&1"
