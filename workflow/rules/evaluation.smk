# Recognition performance, the removal test and coherence: one job per model, then gathered.


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


rule gather:
    input:
        lambda w: plan.parts(w.table),
    output:
        "results/evaluation/{table}.parquet",
    log:
        "results/logs/gather/{table}.log",
    wildcard_constraints:
        table="metrics|removal|coherence",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("gather.py"),
    shell:
        'python "$SCRIPTS/gather.py" --table {wildcards.table} --parts {input} --out {output}'
        " 2>&1 | tee {log}"
