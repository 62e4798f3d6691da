# Included last, so that it knows every rule: what each result says made it.

prove(workflow, config, files.beyond_files)
keep()
