# What DVC shows of an experiment: a few numbers of the full metrics.


rule headline:
    input:
        ancient(K.stamp("fit")),
        metrics=ancient("results/metrics.json"),
    output:
        stamp=K.stamp("headline"),
        numbers="results/headline.json",
    log:
        f"logs/headline-{K.headline_key}.log",
    benchmark:
        f"logs/times/headline-{K.headline_key}.tsv"
    shell:
        "{PYTHON} -m ilscaling.pipeline.headline --metrics {input.metrics} --out {output.numbers}"
        " --stamp {output.stamp} > {log} 2>&1"
