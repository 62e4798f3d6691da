# Tables and figures beside the paper's, the claims, the pages and the closing summary.


rule table:
    input:
        metrics="results/evaluation/metrics.parquet",
    output:
        parquet="results/reporting/tables/table_{table}.parquet",
        csv="results/reporting/tables/table_{table}.csv",
        markdown="results/reporting/tables/table_{table}.md",
    log:
        "results/logs/reporting/table_{table}.log",
    wildcard_constraints:
        table="A[1-6]",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("table.py"),
        settings=plan.table(),
    shell:
        'python "$SCRIPTS/table.py" --table {wildcards.table} --metrics {input.metrics}'
        " --settings {params.settings:q} --out {output.parquet} 2>&1 | tee {log}"


rule pairs:
    input:
        sonifications=expand(
            "results/sonification/{model}/{table}.parquet",
            model=plan.shown_models,
            table=["top_activations", "sonifications"],
        ),
        data=data_targets(),
    output:
        "results/reporting/pairs.parquet",
    log:
        "results/logs/reporting/pairs.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("pairs.py"),
        settings=plan.pairs(),
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
    shell:
        'python "$SCRIPTS/pairs.py" --sonification {params.sonification} --data results/data'
        " --settings {params.settings:q} --out {output} 2>&1 | tee {log}"


for figure in FIGURES:

    rule:
        name:
            figure
        input:
            **plan.figure_tables(figure),
        output:
            png=f"results/reporting/figures/{figure}.png",
            svg=f"results/reporting/figures/{figure}.svg",
        log:
            f"results/logs/reporting/{figure}.log",
        conda:
            "../../envs/sonify.yaml"
        params:
            code=code_hash(f"{figure.lower()}.py"),
            settings=plan.figure(figure),
            script=f"{figure.lower()}.py",
            tables=lambda w, input: [f"--{name} {file}" for name, file in input.items()],
        shell:
            'python "$SCRIPTS/{params.script}" {params.tables}'
            " --settings {params.settings:q} --out {output.png} 2>&1 | tee {log}"


rule claims:
    input:
        metrics="results/evaluation/metrics.parquet",
        removal="results/evaluation/removal.parquet",
        coherence="results/evaluation/coherence.parquet",
        layers="results/evaluation/layer_importance.parquet",
        invariance="results/evaluation/invariance.parquet",
        evolution="results/evaluation/evolution.parquet",
        filters="results/evaluation/filters.parquet",
    output:
        parquet="results/reporting/claims.parquet",
        markdown="results/reporting/claims.md",
    log:
        "results/logs/reporting/claims.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("claims.py"),
        settings=plan.claims(),
    shell:
        'python "$SCRIPTS/claims.py" --metrics {input.metrics} --removal {input.removal}'
        " --coherence {input.coherence} --layer-importance {input.layers}"
        " --invariance {input.invariance} --evolution {input.evolution}"
        " --filters {input.filters} --settings {params.settings:q} --out {output.parquet}"
        " 2>&1 | tee {log}"


rule gallery:
    input:
        sonifications=expand(
            "results/sonification/{model}/{table}.parquet",
            model=plan.shown_models,
            table=["top_activations", "sonifications"],
        ),
        filters="results/evaluation/filters.parquet",
        evolution="results/evaluation/evolution.parquet",
        data=data_targets(),
    output:
        page="results/reporting/gallery/index.html",
        files=directory("results/reporting/gallery/files"),
    log:
        "results/logs/reporting/gallery.log",
    benchmark:
        "results/benchmarks/gallery.tsv"
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("gallery.py"),
        settings=plan.gallery(),
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
        out=lambda w, output: str(Path(output.page).parent),
    shell:
        'python "$SCRIPTS/gallery.py" --sonification {params.sonification} --data results/data'
        " --filters {input.filters} --evolution {input.evolution}"
        " --settings {params.settings:q} --out {params.out} 2>&1 | tee {log}"


rule page:
    input:
        tables=[file for file in plan.table_files if file.endswith(".parquet")],
        figures=plan.figure_files,
        claims="results/reporting/claims.parquet",
        gallery="results/reporting/gallery/index.html",
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
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
        benchmarks=plan.benchmarks,
        figures=lambda w, input: str(Path(input.figures[0]).parent),
    shell:
        'python "$SCRIPTS/page.py" --data results/data --sonification {params.sonification}'
        " --figures {params.figures} --tables {input.tables} --claims {input.claims}"
        " --benchmarks {params.benchmarks} --settings {params.settings:q} --out {output}"
        " 2>&1 | tee {log}"


rule summary:
    input:
        metrics="results/evaluation/metrics.parquet",
        removal="results/evaluation/removal.parquet",
        coherence="results/evaluation/coherence.parquet",
        claims="results/reporting/claims.parquet",
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
        settings=plan.table(),
    shell:
        'python "$SCRIPTS/summary.py" --metrics {input.metrics} --removal {input.removal}'
        " --coherence {input.coherence} --claims {input.claims} --data results/data"
        " --settings {params.settings:q} --out {output} 2>&1 | tee {log}"
