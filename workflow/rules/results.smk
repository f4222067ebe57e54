# Table, fits, figures, report: files with fixed names for people, and one keyed stamp a step.


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
        "{PYTHON} {WORKFLOW}/gather.py --study {STUDY} --out {output.table}"
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
    shell:
        "{ILSCALING} fit {input.table} --params {PARAMS} --out results/laws"
        " --metrics {output.metrics} --stamp {output.stamp} > {log} 2>&1"


rule figures:
    input:
        ancient(K.stamp("fit")),
        table=ancient("results/results.csv"),
    output:
        stamp=K.stamp("figures"),
    log:
        f"logs/figures-{K.figures_key}.log",
    benchmark:
        f"logs/times/figures-{K.figures_key}.tsv"
    shell:
        "{PYTHON} {WORKFLOW}/picture.py --study {STUDY} --table {input.table} --laws results/laws"
        " --out results/figures --stamp {output.stamp} > {log} 2>&1"


rule report:
    input:
        ancient(K.stamp("figures")),
        table=ancient("results/results.csv"),
    output:
        stamp=K.stamp("report"),
        page="results/report.html",
    log:
        f"logs/report-{K.report_key}.log",
    benchmark:
        f"logs/times/report-{K.report_key}.tsv"
    shell:
        "{PYTHON} {WORKFLOW}/publish.py --study {STUDY} --table {input.table} --laws results/laws"
        " --figures results/figures"
        " --out {output.page} --stamp {output.stamp} > {log} 2>&1"
