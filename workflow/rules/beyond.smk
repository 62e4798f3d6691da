# What the paper does not measure: the target `beyond`, which `all` leaves out.


rule findings:
    input:
        files.beyond_tables,
    output:
        **files.findings_files,
    log:
        "results/logs/reporting/findings.log",
    conda:
        "../../envs/sonify.yaml"
    params:
        code=code_hash("findings.py"),
        settings=settings.claims(),
        tables=[f"{Path(file).stem}={file}" for file in files.beyond_tables],
    shell:
        "{params.made} job {log} findings.py --tables {params.tables} --means {output.parquet}"
        " --settings {params.settings:q} --out {output.page}"


rule beyond:
    input:
        files.beyond_tables,
        files.beyond_figures,
        rules.findings.output,
