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
            f"results/logs/{shared.rule}/{{job}}-{{i}}-of-{scatter.number}.log",
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
            number=scatter.number,
            # No output: a failed job's outputs are deleted, and the next one goes on from this.
            work=f"{scatter.folder(shared.name)}-begun",
        shell:
            "job {log} {params.script} --model {params.model} --data {params.data} {params.needs}"
            " --settings {params.settings:q} --threads {threads} --work {params.work}"
            " --code {params.by} --scatter {wildcards.i} {params.number} --out {output}"
