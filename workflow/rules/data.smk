# Raw corpora (synthesised, downloaded or local) to 8 kHz Parquet, every clip accounted for.


rule synthesise:
    output:
        directory("results/data/raw/{dataset}"),
    log:
        "results/logs/synthesise/{dataset}.log",
    conda:
        "../../envs/sonify.yaml"
    threads: config["threads"]
    params:
        code=code_hash("synthesise.py"),
        settings=lambda w: settings.synthesise(w.dataset),
    shell:
        "job {log} synthesise.py --dataset {wildcards.dataset}"
        " --settings {params.settings:q} --out {output}"


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
            "job {log} download.py --dataset {params.dataset} --root {params.root:q}"
            " --settings {params.settings:q} --threads {threads} --out {output}"


for dataset in plan.datasets:

    rule:
        name:
            f"prepare_{dataset}"
        input:
            **files.raw_input(dataset),
        output:
            vocabulary=f"results/data/{dataset}/vocabulary.parquet",
            manifest=f"results/data/{dataset}/manifest.parquet",
            rejected=f"results/data/{dataset}/rejected.parquet",
            attrition=f"results/data/{dataset}/attrition.parquet",
            splits=[
                directory(f"results/data/{dataset}/{split}")
                for split in DATASETS[dataset].splits
            ],
        log:
            f"results/logs/prepare/{dataset}.log",
        conda:
            "../../envs/sonify.yaml"
        threads: config["threads"]
        params:
            code=code_hash("prepare.py"),
            settings=settings.prepare(dataset),
            dataset=dataset,
            corpus=settings.corpus(dataset),
            root=lambda w, output: files.raw_root(Path(output.manifest).parent.name),
            out=lambda w, output: str(Path(output.manifest).parent),
            # Through output, so that it is not tracked: another use asks for no other preparation.
            used=lambda w, output: plan.used_splits(Path(output.manifest).parent.name),
        shell:
            "job {log} prepare.py --dataset {params.dataset} --root {params.root:q}"
            " --settings {params.settings:q} --threads {threads} --used {params.used}"
            " --out {params.out}"
