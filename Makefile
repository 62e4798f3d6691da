# Two commands: `make run` sets up and runs the whole workflow, `make test` sets up and tests it.
# CONFIG="one.yaml two.yaml" lays files over config.yaml, later ones on top.
# VENV=path uses another environment, bringing it up to date; PYTHON=python3.12 picks the interpreter;
# TORCH=... another build of torch than the lock's, as one gives it to pip: torch==2.13.0+cpu, a URL,
# a wheel, with options if need be; give it in every call. ARGS goes to the tool.
PYTHON ?= python3
VENV ?= .venv
CONFIG ?=
TORCH ?=
ARGS ?=

BIN = $(VENV)/bin
STAMP = $(VENV)/.sonify-$(shell (cat envs/requirements.lock; echo '$(TORCH)') | cksum | cut -d' ' -f1)
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run estimate verify why report open sql score reproducibility rehearse test test-all bench lint docs setup lock dag clean

# Calls that print a plan or a report rather than run jobs keep Snakemake's own output. A report that is
# asked for with --report-after-run follows a run.
TELLS = -n% --dry-run --dryrun --lint --lint=% --list% --print-compilation --dag --dag=% --rulegraph \
  --rulegraph=% --filegraph --filegraph=% --d3dag --summary -S --detailed-summary -D --report --report=% \
  --reporter --reporter=% --help
AFTER = $(if $(filter --report-after-run,$(ARGS)),--report --report=%)
LOOKS = $(filter-out $(AFTER),$(filter $(TELLS),$(ARGS)))

# Where the home cannot be written to, Snakemake's cache goes beside its other files.
CACHE = cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$cache" 2> /dev/null && \
  test -w "$$cache" || export XDG_CACHE_HOME="$(CURDIR)/.snakemake/cache"

# exec, so that a signal to make ends Snakemake too.
run: setup
	@PYTHONPATH=src $(BIN)/python workflow/preflight.py $(if $(LOOKS),--look) \
	  $(filter --touch,$(ARGS)) config.yaml $(CONFIG) $(if $(findstring --workflow-profile,$(ARGS)),-- $(ARGS))
	@$(CACHE); exec env PYTHONPATH=src $(BIN)/snakemake $(if $(LOOKS),,--logger sonify) \
	  $(if $(CONFIG),--configfile $(CONFIG)) --rerun-incomplete $(ARGS)

# Whether all results are what present code, configuration and inputs give, by what they say
# themselves; and, before a run, which jobs will run and why. Neither changes anything.
verify why: setup
	@PYTHONPATH=src $(BIN)/python workflow/preflight.py --look config.yaml $(CONFIG)
	@$(CACHE); PYTHONPATH=src SONIFY_ASKED=$@ $(BIN)/snakemake --dry-run --logger sonify \
	  $(if $(CONFIG),--configfile $(CONFIG)) --rerun-incomplete $(ARGS)

# Tests in as many processes as there are cores; ARGS="-n 0" for one.
SIDE_BY_SIDE = -n auto --dist loadfile --no-loadscope-reorder

# What `make run` made in one file to pass on; after unzipping, it opens without a network.
report:
	@test -f results/reporting/summary.txt || \
	  { echo "error: there is nothing to report yet: make run"; exit 1; }
	@$(MAKE) --no-print-directory run ARGS="--report results/reporting/report.zip $(ARGS)"

# What `make run` made, in the browser: every filter to see and hear.
open:
	@test -f results/reporting/gallery/index.html || \
	  { echo "error: there is no gallery yet: make run"; exit 1; }
	$(PYTHON) -m webbrowser -t "file://$(CURDIR)/results/reporting/gallery/index.html"

# The tables of `make run`, asked in SQL: at a prompt, or ARGS="SELECT ..." once. As it was typed: make
# would take a $ for a variable of its own.
sql: export QUERY := $(value ARGS)
sql:
	@test -f results/results.duckdb || { echo "error: there are no tables yet: make run"; exit 1; }
	@$(MAKE) --no-print-directory --silent setup ARGS=
	@PYTHONPATH=src $(BIN)/python workflow/launch.py -m sonify.reporting.console "$$QUERY"

# What a configuration costs, before anything is downloaded or computed: ARGS="--device h200
# --devices 4 --bandwidth 1000 --price 3"; without --device this machine is timed for a minute.
estimate: setup
	@bash -c '. workflow/job.sh; exec "$$0" "$$@"' $(BIN)/python workflow/launch.py -m sonify.estimate \
	  $(CONFIG) $(ARGS)

# Scores of all classifiers on a list of clip ids, as CSV: make score IDS=ids.txt
score: setup
	@test -n "$(IDS)" || { echo "error: name a list of clip ids: make score IDS=ids.txt"; exit 1; }
	@PYTHONPATH=src $(BIN)/python workflow/launch.py -m sonify.evaluation.subset "$(IDS)" $(ARGS)

# The workflow once for each of three sets of seeds, in folders below seed_sets, and what they decide
# in docs/reproducibility.md: three times as long as make run. ARGS=--write only writes the page.
reproducibility: setup
	PYTHONPATH=src $(BIN)/python workflow/reproducibility.py \
	  $(if $(CONFIG),--configfile $(CONFIG)) --logger sonify $(ARGS)

# The workflow's scripts on an AudioSet of any number of clips whose sounds are tiny: time, memory and
# disk of each stage against the number, in rehearsal/rehearsal.md. ARGS="20000 200000 2084320".
rehearse: setup
	@PYTHONPATH=src $(BIN)/python workflow/launch.py workflow/rehearse.py $(ARGS)

test: setup
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow" $(ARGS)

# With the slow ones, and how many of the library's lines ran in the tests' own processes: an error if
# fewer than pyproject.toml says; for some tests alone, add --cov-fail-under=0 to ARGS. Counting
# takes half as long again as the tests on Python 3.11, so that `make test` does without.
test-all: setup
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov=sonify --cov-report=term:skip-covered $(ARGS)

# Speed, measured: tables in benchmarks/results. ARGS=--quick only sees whether everything runs.
bench: setup
	@set -e; for file in $(filter-out benchmarks/harness.py,$(wildcard benchmarks/*.py)); do \
	  echo "== $$file"; PYTHONPATH=src:tests/support $(BIN)/python $$file $(ARGS); done

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	@if command -v npm > /dev/null; then cd tests/web && \
	  npm ci --silent --prefer-offline --no-audit --no-fund && npm run --silent check; \
	else echo "the JavaScript was not type-checked: install Node.js with npm for that"; fi

# References made from the code: of all tables, of how far we follow the paper, of what runs cost, and
# of all modules (docs/api/index.html).
docs: setup
	PYTHONPATH=src $(BIN)/python -m sonify.reporting.reference > docs/results.md.part
	mv docs/results.md.part docs/results.md
	PYTHONPATH=src $(BIN)/python -m sonify.config.fidelity > docs/fidelity.md.part
	mv docs/fidelity.md.part docs/fidelity.md
	PYTHONPATH=src $(BIN)/pdoc --output-directory docs/api sonify
	PYTHONPATH=src $(BIN)/python -m sonify.estimate.page > docs/costs.md.part
	mv docs/costs.md.part docs/costs.md
	@echo "docs/api/index.html, docs/results.md, docs/fidelity.md, docs/costs.md"

setup: $(STAMP)

# With TORCH, pip chooses the torchaudio and torchvision that go with it. Only tests use them; those
# that need one which does not load beside this build are skipped, and say so.
OF_TORCH = ^(torch|triton|nvidia-|cuda-)

# A new lock makes a new stamp, so that an old environment is brought up to date. The lock is no
# prerequisite: a fresh clone's is always newer, and a current environment would be installed anew.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is not Python 3.11 or newer: install one, or name it, make PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef TORCH
	awk '{ pin = pin $$0 ORS } !/\\$$/ { if (pin !~ /$(OF_TORCH)/) printf "%s", pin; pin = "" }' \
	  envs/requirements.lock > $(VENV)/without-torch.txt
	$(PIP) --no-deps -r $(VENV)/without-torch.txt
	$(PIP) $(TORCH) torchaudio torchvision
else
	$(PIP) -r envs/requirements.lock
endif
	@rm -f $(VENV)/.sonify-*
	@touch $@

lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 envs/requirements.in \
	  -o envs/requirements.lock --no-annotate --generate-hashes --custom-compile-command "make lock" --upgrade

dag: setup
	$(BIN)/snakemake --rulegraph mermaid-js

clean:
	rm -rf results/* .snakemake
