# Tables and figures beside the paper's, the claims, the database, the pages and the closing summary.


rule table:
    input:
        metrics="results/evaluation/metrics.parquet",
    output:
        parquet="results/reporting/tables/table_{table}.parquet",
        csv=report(
            "results/reporting/tables/table_{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels=lambda w: {"table": PAPER_TABLES[w.table].title, "as": "csv file"},
        ),
        markdown="results/reporting/tables/table_{table}.md",
    log:
        "results/logs/reporting/table_{table}.log",
    wildcard_constraints:
        table="A[1-6]",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("table.py"),
        settings=settings.table(),
    shell:
        "{params.made} job {log} table.py --table {wildcards.table} --metrics {input.metrics}"
        " --settings {params.settings:q} --out {output.parquet}"


rule pairs:
    input:
        sonifications=expand(
            "results/sonification/{model}/{table}.parquet",
            model=plan.shown_models,
            table=["top_activations", "sonifications"],
        ),
        data=files.shown_clips,
    output:
        "results/reporting/pairs.parquet",
    log:
        "results/logs/reporting/pairs.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("pairs.py"),
        settings=settings.pairs(),
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
        data=files.shown_data,
    shell:
        "{params.made} job {log} pairs.py --sonification {params.sonification} --data {params.data}"
        " --settings {params.settings:q} --out {output}"


for figure in ALL_FIGURES.values():

    rule:
        name:
            figure.name
        input:
            **files.figure_tables(figure),
        output:
            # Not in the report, whose figures could then be seen one kind at a time only.
            **files.figure_numbers(figure),
            png=f"results/reporting/figures/{figure.name}.png",
            # Sharp at any size; of spectrograms the PNG would be a quarter as heavy.
            svg=report(
                f"results/reporting/figures/{figure.name}.svg",
                caption="../report/figure.rst",
                category="Figures",
                labels={"figure": figure.title},
            ),
        log:
            f"results/logs/reporting/{figure.name}.log",
        conda:
            "../../envs/sonify.yaml"
        params:
            code=code_hash(figure.script),
            settings=settings.figure(figure),
            script=figure.script,
            tables=lambda w, input: [f"--{name} {file}" for name, file in input.items()],
            numbers=[
                f"--numbers {file}"
                for kind, file in files.figure_numbers(figure).items()
                if kind == "parquet"
            ],
            # For the caption alone: what follows from the output does not make jobs run again.
            words=lambda w, output: ALL_FIGURES[Path(output.svg).stem].caption,
        shell:
            "{params.made} job {log} {params.script} {params.tables} {params.numbers}"
            " --settings {params.settings:q} --out {output.png}"


rule claims:
    input:
        **{
            stage.tables[0]: files.evaluation_table(stage.tables[0])
            for stage in STAGES.values()
            if not stage.beyond
        },
        others=list(plan.config.reporting.beside.values()),
    output:
        parquet="results/reporting/claims.parquet",
        beside="results/reporting/claims_beside.parquet",
        markdown=report(
            "results/reporting/claims.md",
            caption="../report/claims.rst",
            category="Claims",
            labels={
                "claims": "The paper's claims and our verdicts",
                "as": "markdown file",
            },
        ),
    log:
        "results/logs/reporting/claims.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("claims.py"),
        settings=settings.claims(),
        outside=lambda w, output: outside.claims(),
        tables=lambda w, input: [
            f"{name}={file}" for name, file in input.items() if name != "others"
        ],
        # A function, so that Snakemake takes no brace in a name for a wildcard.
        beside=lambda w: [
            f"{n}={file}" for n, file in plan.config.reporting.beside.items()
        ],
    shell:
        "{params.made} job {log} claims.py --tables {params.tables} --beside {params.beside:q}"
        " --settings {params.settings:q} --out {output.parquet}"


rule database:
    input:
        # Views hold no rows: it matters which files there are, not how new they are.
        ancient(
            data_targets()
            + training_targets()
            + sonification_targets()
            + [files.evaluation_table(table) for table in EVALUATION_TABLES]
            + files.kept_files
            + parquet(files.table_files + files.curve_files)
            + ["results/reporting/pairs.parquet", "results/reporting/claims.parquet"]
            + ["results/reporting/claims_beside.parquet"]
            + made_already(files.beyond_tables)
        ),
    output:
        "results/results.duckdb",
    log:
        "results/logs/reporting/database.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("database.py"),
        # What they say is written into the database.
        contracts=contracts_hash(),
    shell:
        "{params.made} job {log} database.py --out {output}"


rule gallery:
    input:
        sonifications=expand(
            "results/sonification/{model}/{table}.parquet",
            model=plan.shown_models,
            table=["top_activations", "sonifications"],
        ),
        filters="results/evaluation/filters.parquet",
        evolution="results/evaluation/evolution.parquet",
        specificity=made_already([files.evaluation_table("specificity")]),
        data=data_targets(),
    output:
        directory("results/reporting/gallery"),
    log:
        "results/logs/reporting/gallery.log",
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    params:
        code=code_hash("gallery.py"),
        settings=settings.gallery(),
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
        data=files.prepared_folders,
        specificity=lambda w, input: [f"--specificity {f}" for f in input.specificity],
    shell:
        "{params.made} job {log} gallery.py --sonification {params.sonification} --data {params.data}"
        " --filters {input.filters} --evolution {input.evolution} {params.specificity}"
        " --settings {params.settings:q} --threads {threads} --out {output}"


rule cards:
    input:
        tables=parquet(files.table_files),
        claims="results/reporting/claims.parquet",
        beside="results/reporting/claims_beside.parquet",
        data=data_targets(),
        # All results, since a card tells how long each took.
        figures=files.figure_files,
        models=training_targets(),
        evaluations=evaluation_targets(),
        sonifications=sonification_targets(),
        gallery="results/reporting/gallery",
    output:
        tables=report(
            directory("results/reporting/cards/tables"),
            patterns=["table_{table}.html"],
            caption="../report/table.rst",
            category="Tables",
            labels=lambda w: {"table": PAPER_TABLES[w.table].title, "as": "Page"},
        ),
        listening=report(
            directory("results/reporting/cards/listening"),
            patterns=["{model}/layer_{layer}.html"],
            caption="../report/listening.rst",
            category="Listening",
            labels={"layer": "{layer}", "model": "{model}"},
        ),
        claims=report(
            "results/reporting/cards/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"claims": "The paper's claims and our verdicts", "as": "Page"},
        ),
        clips=report(
            "results/reporting/cards/clips.html",
            caption="../report/clips.rst",
            category="Runs",
            labels={"account": "Every listed clip accounted for"},
        ),
        time=report(
            "results/reporting/cards/time.html",
            caption="../report/time.rst",
            category="Runs",
            labels={"account": "Where the time went"},
        ),
    log:
        "results/logs/reporting/cards.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("cards.py"),
        settings=settings.page(),
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
        data=files.prepared_folders,
        benchmarks=files.benchmarks + scatter.benchmarks,
        out=lambda w, output: str(Path(output.claims).parent),
    shell:
        "{params.made} job {log} cards.py --data {params.data} --sonification {params.sonification}"
        " --tables {input.tables} --claims {input.claims} --beside {input.beside}"
        " --benchmarks {params.benchmarks}"
        " --settings {params.settings:q} --out {params.out}"


rule page:
    input:
        tables=parquet(files.table_files),
        figures=files.figure_files + made_already(files.beyond_figures),
        curves=parquet(files.curve_files),
        claims="results/reporting/claims.parquet",
        beside="results/reporting/claims_beside.parquet",
        gallery="results/reporting/gallery",
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
        settings=settings.page(),
        sonification=expand("results/sonification/{model}", model=plan.shown_models),
        data=files.prepared_folders,
        benchmarks=files.benchmarks + scatter.benchmarks,
        figures=lambda w, input: str(Path(input.figures[0]).parent),
    shell:
        "{params.made} job {log} page.py --data {params.data} --sonification {params.sonification}"
        " --figures {params.figures} --tables {input.tables} --curves {input.curves}"
        " --claims {input.claims} --beside {input.beside} --benchmarks {params.benchmarks}"
        " --settings {params.settings:q} --out {output}"


rule summary:
    input:
        metrics="results/evaluation/metrics.parquet",
        removal="results/evaluation/removal.parquet",
        coherence="results/evaluation/coherence.parquet",
        claims="results/reporting/claims.parquet",
        beside="results/reporting/claims_beside.parquet",
        history=files.histories["history"],
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
        settings=settings.summary(),
        data=files.prepared_folders,
    shell:
        "{params.made} job {log} summary.py --metrics {input.metrics} --removal {input.removal}"
        " --coherence {input.coherence} --claims {input.claims} --claims_beside {input.beside}"
        " --history {input.history} --data {params.data}"
        " --settings {params.settings:q} --out {output}"
