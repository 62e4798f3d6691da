# Raw corpora (synthesised, downloaded or local) to 8 kHz Parquet, every clip accounted for.


rule synthesise:
    output:
        directory("results/data/raw/{dataset}-s{seed}"),
    log:
        "results/logs/synthesise/{dataset}-s{seed}.log",
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    resources:
        **asked(lambda w: needs.preparing(w.dataset)),
    params:
        code=code_hash("synthesise.py"),
        settings=lambda w: settings.synthesise(w.dataset),
    shell:
        "{params.made} job {log} synthesise.py --dataset {wildcards.dataset}"
        " --seed {wildcards.seed} --settings {params.settings:q} --out {output}"


tell_downloads()


for dataset in plan.downloaded:

    # The corpus is no output: Snakemake would delete a half-finished one, which this continues.
    rule:
        name:
            f"download_{dataset}"
        output:
            f"results/data/downloads/{dataset}.parquet",
        log:
            f"results/logs/download/{dataset}.log",
        localrule: True
        conda:
            "../../envs/sonify.yaml"
        threads: config["threads"]
        params:
            code=code_hash("download.py"),
            splits=plan.used_splits(dataset),
            version=settings.version(dataset),
            dataset=dataset,
            root=files.raw_root(dataset),
            # Through output, so that it is not tracked: another mirror has the same files.
            settings=lambda w, output: settings.download(Path(output[0]).stem),
        message:
            f"download {dataset} ({in_words(files.pending_downloads()[dataset])})"
            f" to {files.raw_root(dataset)}"
        shell:
            "{params.made} job {log} download.py --dataset {params.dataset} --root {params.root:q}"
            " --settings {params.settings:q} --threads {threads} --out {output}"


for dataset in plan.datasets:

    rule:
        name:
            f"prepare_{dataset}"
        input:
            **files.raw_input(dataset),
            shares=scatter.folders("prepare", files.corpus(dataset, EACH)),
        output:
            vocabulary=f"{files.data_folder(dataset, EACH)}/vocabulary.parquet",
            manifest=f"{files.data_folder(dataset, EACH)}/manifest.parquet",
            rejected=f"{files.data_folder(dataset, EACH)}/rejected.parquet",
            attrition=f"{files.data_folder(dataset, EACH)}/attrition.parquet",
            splits=[
                directory(f"{files.data_folder(dataset, EACH)}/{split}")
                for split in DATASETS[dataset].splits
            ],
        log:
            f"results/logs/prepare/{files.corpus(dataset, EACH)}.log",
        conda:
            "../../envs/sonify.yaml"
        threads: config["threads"]
        resources:
            **asked(partial(preparing_needs, dataset)),
        params:
            code=code_hash("prepare.py"),
            settings=settings.prepare(dataset),
            dataset=dataset,
            names=outside.local_names(dataset),
            outside=partial(corpus_outside, dataset),
            root=partial(raw_root, dataset),
            out=lambda w, output: str(Path(output.manifest).parent),
            # Through output, so that it is not tracked: another use asks for no other preparation.
            used=partial(used_splits, dataset),
            gather=gathered,
        shell:
            "{params.made} job {log} prepare.py --dataset {params.dataset} --root {params.root:q}"
            " --settings {params.settings:q} --threads {threads} --used {params.used}"
            " --held={params.names:q} --code {params.code} {params.gather} --out {params.out}"
