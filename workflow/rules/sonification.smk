# Top activations of every filter, and their sonifications.


include: "scatter.smk"


rule mine:
    input:
        unpack(lambda w: files.mining_input(w.model)),
        shares=lambda w: scatter.folders("mine", w.model),
    output:
        top="results/sonification/{model}/top_activations.parquet",
        left_out="results/sonification/{model}/left_out.parquet",
    log:
        "results/logs/mine/{model}.log",
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        **asked(lambda w: needs.mining(w.model)),
        gpu=GPUS,
    params:
        code=code_hash("mine.py"),
        settings=lambda w: settings.mine(),  # which has labels, whose braces are no wildcards
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w, input: str(Path(input.vocabulary).parent),
        # No output: a failed job's outputs are deleted, and this is what the next one goes on from.
        work="results/unfinished/mine/{model}",
        gather=gathered,
    shell:
        "{params.made} job {log} mine.py --model {params.model} --data {params.data}"
        " --settings {params.settings:q} --threads {threads} --work {params.work}"
        " --code {params.code} {params.gather} --out {output}"


rule render:
    input:
        unpack(lambda w: files.mining_input(w.model)),
        top_activations="results/sonification/{model}/top_activations.parquet",
        shares=lambda w: scatter.folders("render", w.model),
    output:
        "results/sonification/{model}/sonifications.parquet",
    log:
        "results/logs/render/{model}.log",
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        **asked(lambda w: needs.mining(w.model)),
        gpu=GPUS,
    params:
        code=code_hash("render.py"),
        settings=settings.render(),
        model=lambda w, input: str(Path(input.weights).parent),
        data=lambda w, input: str(Path(input.vocabulary).parent),
        work="results/unfinished/render/{model}",
        gather=gathered,
    shell:
        "{params.made} job {log} render.py --model {params.model} --data {params.data}"
        " --input top_activations={input.top_activations} --settings {params.settings:q} --threads {threads}"
        " --work {params.work} --code {params.code} {params.gather} --out {output}"
