# Contrastive pretraining, supervised training and finetuning: one job per run and seed.


rule train:
    input:
        unpack(lambda w: files.training_input(w.run, w.seed)),
    output:
        weights="results/models/{run}-s{seed}/model.safetensors",
        card="results/models/{run}-s{seed}/model.json",
        history="results/models/{run}-s{seed}/history.parquet",
        steps="results/models/{run}-s{seed}/step_history.parquet",
        checkpoints=directory("results/models/{run}-s{seed}/checkpoints"),
    log:
        "results/logs/train/{run}-s{seed}.log",
    priority: 10  # the long jobs first: everything else waits for them
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"] * plan.training.processes
    resources:
        **asked(lambda w: needs.training(w.run)),
        gpu=GPUS * plan.training.processes,
    params:
        code=code_hash("train.py"),
        settings=lambda w: settings.train(w.run),
        outside=lambda w, output: outside.train(settings.train(w.run)),
        data=lambda w: files.data_folder(plan.run(w.run).dataset, w.seed),
        start=lambda w: files.start_option(w.run, w.seed),
        out=lambda w, output: str(Path(output.weights).parent),
        # Not tracked, as the number of threads is not: results are the same but for rounding.
        processes=lambda w, output: plan.training.processes,
        # No output: a failed job's outputs are deleted, and this is what the next one goes on from.
        work="results/unfinished/train/{run}-s{seed}",
        # Through output, so that it is not tracked: no result depends on it.
        watch=lambda w, output: " ".join(plan.training.watch),
    shell:
        "{params.made} job {log} train.py --seed {wildcards.seed} --settings {params.settings:q}"
        " --data {params.data} {params.start} --threads {threads}"
        " --processes {params.processes} --work {params.work}"
        " --code {params.code} --watch {params.watch} --out {params.out}"
