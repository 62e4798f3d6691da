# Shares of the work of a job, where the configuration asks for several: the stage's own job then
# only merges what they have made.


def share_input(stage, wildcards):
    return scatter.inputs(stage, wildcards.job)


def share_settings(stage, wildcards):
    return settings.measuring_job(stage, wildcards.job)


def share_needs(stage, wildcards):
    return needs.share(stage, wildcards.job)


def share_further(shared, wildcards, input):
    return named_inputs(shared.further, input)


for shared in scatter.stages.values():

    rule:
        name:
            shared.rule
        input:
            unpack(partial(share_input, shared.name)),
        output:
            temp(directory(scatter.folder(shared.name))),
        log:
            f"results/logs/{shared.rule}/{{job}}-{{i}}-of-{scatter.number(shared.name)}.log",
        wildcard_constraints:
            job="|".join(map(re.escape, shared.jobs)),
            i=r"\d+",
        conda:
            "../../envs/sonify.yaml"
        threads: config["threads"]
        resources:
            **asked(partial(share_needs, shared.name)),
            gpu=GPUS,
        params:
            # Not `code`, by which results are proved: this is none, and gone once it is merged.
            by=code_hash(shared.script),
            script=shared.script,
            settings=partial(share_settings, shared.name),
            model=lambda w, input: str(Path(input.weights).parent),
            data=lambda w, input: str(Path(input.vocabulary).parent),
            needs=partial(share_further, shared),
            number=scatter.number(shared.name),
            # No output: a failed job's outputs are deleted, and the next one goes on from this.
            work=f"{scatter.folder(shared.name)}-begun",
        shell:
            "job {log} {params.script} --model {params.model} --data {params.data} {params.needs:q}"
            " --settings {params.settings:q} --threads {threads} --work {params.work}"
            " --code {params.by} --scatter {wildcards.i} {params.number} --out {output}"


def preparing_share_needs(dataset, wildcards):
    return needs.preparing_share(dataset)


for dataset in plan.datasets if scatter.number("prepare") > 1 else ():
    corpus = files.corpus(dataset, EACH)

    rule:
        name:
            f"prepare_{dataset}_share"
        input:
            **files.raw_input(dataset),
        output:
            temp(directory(scatter.folder("prepare", corpus))),
        log:
            f"results/logs/prepare_share/{corpus}-{{i}}-of-{scatter.number('prepare')}.log",
        wildcard_constraints:
            i=r"\d+",
        conda:
            "../../envs/sonify.yaml"
        threads: config["threads"]
        resources:
            **asked(partial(preparing_share_needs, dataset)),
        params:
            by=code_hash("prepare.py"),
            settings=settings.prepare(dataset),
            dataset=dataset,
            names=outside.local_names(dataset),
            root=partial(raw_root, dataset),
            number=scatter.number("prepare"),
            work=f"{scatter.folder('prepare', corpus)}-begun",
        shell:
            "job {log} prepare.py --dataset {params.dataset} --root {params.root:q}"
            " --settings {params.settings:q} --threads {threads} --work {params.work}"
            " --held={params.names:q} --code {params.by} --scatter {wildcards.i} {params.number}"
            " --out {output}"
