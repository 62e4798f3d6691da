# Tables and figures beside the paper's, the results page and the closing summary.


rule table_a4:
    input:
        metrics="results/evaluation/metrics.parquet",
    output:
        parquet="results/reporting/tables/table_A4.parquet",
        csv="results/reporting/tables/table_A4.csv",
        markdown="results/reporting/tables/table_A4.md",
    log:
        "results/logs/reporting/table_A4.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("table_a4.py"),
        settings=plan.label(),
    shell:
        'python "$SCRIPTS/table_a4.py" --metrics {input.metrics} --settings {params.settings:q}'
        " --out {output.parquet} 2>&1 | tee {log}"


rule figure_6:
    input:
        removal="results/evaluation/removal.parquet",
    output:
        png="results/reporting/figures/figure_6.png",
        svg="results/reporting/figures/figure_6.svg",
    log:
        "results/logs/reporting/figure_6.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("figure_6.py"),
        settings=plan.scale(),
    shell:
        'python "$SCRIPTS/figure_6.py" --removal {input.removal} --settings {params.settings:q}'
        " --out {output.png} 2>&1 | tee {log}"


rule figure_7:
    input:
        coherence="results/evaluation/coherence.parquet",
    output:
        png="results/reporting/figures/figure_7.png",
        svg="results/reporting/figures/figure_7.svg",
    log:
        "results/logs/reporting/figure_7.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("figure_7.py"),
        settings=plan.scale(),
    shell:
        'python "$SCRIPTS/figure_7.py" --coherence {input.coherence}'
        " --settings {params.settings:q} --out {output.png} 2>&1 | tee {log}"


rule page:
    input:
        table="results/reporting/tables/table_A4.parquet",
        figures=expand(
            "results/reporting/figures/figure_{n}.{kind}",
            n=[6, 7],
            kind=["png", "svg"],
        ),
        data=data_targets(),
        # All results, since the page tells how long each took and what there is.
        models=training_targets(),
        evaluations=evaluation_targets(),
        sonifications=sonification_targets(),
    output:
        "results/reporting/index.html",
    log:
        "results/logs/reporting/page.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("page.py"),
        settings=plan.page(),
        sonification=expand("results/sonification/{model}", model=plan.listened_models),
        benchmarks=plan.benchmarks,
        figures=lambda w, input: str(Path(input.figures[0]).parent),
    shell:
        'python "$SCRIPTS/page.py" --data results/data --sonification {params.sonification}'
        " --figures {params.figures} --table {input.table} --benchmarks {params.benchmarks}"
        " --settings {params.settings:q} --out {output} 2>&1 | tee {log}"


rule summary:
    input:
        metrics="results/evaluation/metrics.parquet",
        removal="results/evaluation/removal.parquet",
        coherence="results/evaluation/coherence.parquet",
        page="results/reporting/index.html",
        data=data_targets(),
    output:
        "results/reporting/summary.txt",
    log:
        "results/logs/reporting/summary.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("summary.py"),
        settings=plan.label(),
    shell:
        'python "$SCRIPTS/summary.py" --metrics {input.metrics} --removal {input.removal}'
        " --coherence {input.coherence} --data results/data --settings {params.settings:q}"
        " --out {output} 2>&1 | tee {log}"
