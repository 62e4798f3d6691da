# Everything that is measured: a rule per stage, with one job per model (or probe), then gathered.


for stage in STAGES.values():

    rule:
        name:
            stage.name
        input:
            unpack(partial(stage_input, stage)),
            shares=partial(stage_shares, stage),
        output:
            **{t: f"results/evaluation/{t}/{{job}}.parquet" for t in stage.tables},
        log:
            f"results/logs/{stage.name}/{{job}}.log",
        wildcard_constraints:
            job="|".join(map(re.escape, stage.jobs(plan))),
        priority: stage.priority
        conda:
            "../../envs/sonify.yaml"
        threads: config["threads"]
        resources:
            **asked(partial(stage_needs, stage)),
            gpu=GPUS,
        params:
            code=code_hash(stage.script),
            script=stage.script,
            settings=partial(stage_settings, stage),
            outside=partial(stage_outside, stage),
            model=lambda w, input: str(Path(input.weights).parent),
            data=lambda w, input: str(Path(input.vocabulary).parent),
            needs=partial(stage_inputs, stage),
            # No output: a failed job's outputs are deleted, and the next one goes on from this.
            work=f"results/unfinished/{stage.name}/{{job}}",
            gather=gathered,
        shell:
            "{params.made} job {log} {params.script} --model {params.model} --data {params.data}"
            " {params.needs:q} --settings {params.settings:q} --threads {threads}"
            " --work {params.work} --code {params.code} {params.gather} --out {output}"


rule gather:
    input:
        lambda w: files.parts(w.table),
    output:
        "results/evaluation/{table}.parquet",
    log:
        "results/logs/gather/{table}.log",
    wildcard_constraints:
        table="|".join(ALL_TABLES),
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("gather.py"),
    shell:
        "{params.made} job {log} gather.py --table {wildcards.table} --parts {input} --out {output}"
