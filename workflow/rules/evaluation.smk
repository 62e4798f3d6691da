# Everything that is measured: one job per model (or probe), then gathered.


rule score:
    input:
        unpack(lambda w: plan.scored_input(w.model)),
    output:
        "results/evaluation/metrics/{model}.parquet",
    log:
        "results/logs/score/{model}.log",
    benchmark:
        "results/benchmarks/score/{model}.tsv"
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("score.py"),
        settings=lambda w: plan.score(w.model),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(plan.run_of(w.model).dataset),
    shell:
        'python "$SCRIPTS/score.py" --model {params.model} --data {params.data}'
        " --settings {params.settings:q} --threads {threads} --out {output} 2>&1 | tee {log}"


rule removal:
    input:
        unpack(lambda w: plan.model_input(w.model, "removal")),
    output:
        "results/evaluation/removal/{model}.parquet",
    log:
        "results/logs/removal/{model}.log",
    benchmark:
        "results/benchmarks/removal/{model}.tsv"
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("removal.py"),
        settings=plan.removal(),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(config["evaluation"]["removal"]["dataset"]),
    shell:
        'python "$SCRIPTS/removal.py" --model {params.model} --data {params.data}'
        " --settings {params.settings:q} --threads {threads} --out {output} 2>&1 | tee {log}"


rule coherence:
    input:
        unpack(lambda w: plan.model_input(w.model, "coherence")),
    output:
        "results/evaluation/coherence/{model}.parquet",
    log:
        "results/logs/coherence/{model}.log",
    benchmark:
        "results/benchmarks/coherence/{model}.tsv"
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("coherence.py"),
        settings=plan.coherence(),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(config["evaluation"]["coherence"]["dataset"]),
    shell:
        'python "$SCRIPTS/coherence.py" --model {params.model} --data {params.data}'
        " --settings {params.settings:q} --threads {threads} --out {output} 2>&1 | tee {log}"


rule layer_importance:
    input:
        unpack(lambda w: plan.probe_input(w.probe)),
    output:
        "results/evaluation/layer_importance/{probe}.parquet",
    log:
        "results/logs/layer_importance/{probe}.log",
    benchmark:
        "results/benchmarks/layer_importance/{probe}.tsv"
    priority: 5
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("layer_importance.py"),
        settings=lambda w: plan.layer_importance(w.probe),
        start=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(plan.probes[w.probe].run.dataset),
    shell:
        'python "$SCRIPTS/layer_importance.py" --start {params.start} --data {params.data}'
        " --settings {params.settings:q} --threads {threads} --out {output} 2>&1 | tee {log}"


rule filters:
    input:
        unpack(lambda w: plan.mined_input(w.model)),
        sonifications="results/sonification/{model}/sonifications.parquet",
    output:
        "results/evaluation/filters/{model}.parquet",
    log:
        "results/logs/filters/{model}.log",
    benchmark:
        "results/benchmarks/filters/{model}.tsv"
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("filters.py"),
        settings=plan.filters(),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(config["sonification"]["dataset"]),
    shell:
        'python "$SCRIPTS/filters.py" --model {params.model} --data {params.data}'
        " --top {input.top} --sonifications {input.sonifications}"
        " --settings {params.settings:q} --threads {threads} --out {output} 2>&1 | tee {log}"


rule invariance:
    input:
        unpack(lambda w: plan.model_input(w.model, "sonification")),
    output:
        table="results/evaluation/invariance/{model}.parquet",
        example="results/evaluation/invariance_example/{model}.parquet",
    log:
        "results/logs/invariance/{model}.log",
    benchmark:
        "results/benchmarks/invariance/{model}.tsv"
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("invariance.py"),
        settings=plan.invariance(),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(config["sonification"]["dataset"]),
    shell:
        'python "$SCRIPTS/invariance.py" --model {params.model} --data {params.data}'
        " --settings {params.settings:q} --threads {threads} --out {output.table}"
        " --example {output.example} 2>&1 | tee {log}"


rule evolution:
    input:
        unpack(lambda w: plan.mined_input(w.model)),
        checkpoints="results/models/{model}/checkpoints",
    output:
        "results/evaluation/evolution/{model}.parquet",
    log:
        "results/logs/evolution/{model}.log",
    benchmark:
        "results/benchmarks/evolution/{model}.tsv"
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        gpu=gpus(config["device"]),
    params:
        code=code_hash("evolution.py"),
        settings=plan.evolution(),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w: plan.data_folder(config["sonification"]["dataset"]),
    shell:
        'python "$SCRIPTS/evolution.py" --model {params.model} --data {params.data}'
        " --top {input.top} --settings {params.settings:q} --threads {threads}"
        " --out {output} 2>&1 | tee {log}"


rule gather:
    input:
        lambda w: plan.parts(w.table),
    output:
        "results/evaluation/{table}.parquet",
    log:
        "results/logs/gather/{table}.log",
    wildcard_constraints:
        table="|".join(EVALUATIONS),
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("gather.py"),
    shell:
        'python "$SCRIPTS/gather.py" --table {wildcards.table} --parts {input} --out {output}'
        " 2>&1 | tee {log}"
