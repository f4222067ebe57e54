# make demo: set up, run the default study     make test: set up, run all tests
# make lint, make bench, make coverage, make sweep, make test-slow, make clean: see README.md

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Tools that DVC and Snakemake start must be those of the environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Tests of one kind of fault each, beside the readers of changed files.
FAULTS := $(addprefix tests/test_,ingest.py experts.py bounds.py parameter_files.py artifact_store.py text_files.py setup.py tables.py outputs.py)

.PHONY: demo setup figures reference archive experiments test test-gpu test-slow test-machine test-faults test-kills test-slurm lint bench coverage sweep lock clean clean-store wheel site tiny test-browser

demo: setup
	snakemake --cores all

# For a reader of a commit: its figures, tables and report from the remote, nothing else.
figures: setup
	dvc pull results
	@echo "Report:  $(CURDIR)/study/results/report.html"

# The report of the reference study from its table, which took hours: about a minute, no network.
reference: setup
	@ilscaling report docs/tables/reference.csv --study studies/reference.yaml \
	  --forecast docs/tables/reference_forecast.json --title "The reference study" --out reference/report.html

# The data behind this commit as one file: unpacked it is a DVC remote, without an account.
archive: setup
	@python tools/archive.py dist

# Exponents, returns and FLOPs of all experiments, and what was changed; fits a terminal.
experiments: setup
	@python tools/experiments_table.py

setup:
	@sh tools/setup.sh $(VENV) "$(PYTHON)" $(if $(filter command environment,$(firstword $(origin PYTHON))),given)

test: setup
	pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=40 --durations-min=10 -m "not slow and not machine and not kills and not browser and not slurm and not faults" $(PYTEST_ARGS)

# Whether a GPU computes what it should, and how fast: one table, under five minutes, no network. Needs
# no set-up where Python 3.11 or later has PyTorch 2.4 or later; docs/performance.md says what else.
GPU_PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,python3)
test-gpu:
	$(GPU_PYTHON) tools/gpu_check $(GPU_ARGS)

test-slow: setup
	pytest -q -m slow $(PYTEST_ARGS)

# Snakemake and DVC in temporary clones: about 15 minutes; 25 kills: about as long.
test-machine: setup
	pytest -q -m machine $(PYTEST_ARGS)

# Files that were changed in every way that hypothesis thinks of, for ten minutes, or so many
# seconds: make test-faults PYTEST_ARGS=--faults-seconds=60. Writes docs/reliability.md.
test-faults: setup
	pytest -q --junitxml=.faults.xml -m "not slow and not machine" -k "not pictures and not why" tests/test_faults.py $(FAULTS) $(PYTEST_ARGS)
	python tools/reliability.py .faults.xml

test-kills: setup
	pytest -q -m kills $(PYTEST_ARGS)

# A real Slurm on this machine, for which root installs Debian's packages. Minutes; whatever
# happens, it is taken down.
test-slurm: setup
	timeout --signal=INT --kill-after=120 2400 pytest -q -m slurm $(PYTEST_ARGS)

lint: setup
	ruff check .
	ruff format --check .

bench: setup
	python benchmarks/bench $(BENCH_ARGS)

# How often the laws' intervals cover a planted truth: ten minutes, writes docs/coverage.md.
coverage: setup
	python benchmarks/covering.py 200

# Which rate suits each small size, and the rule that this supports beside the stated one.
sweep: setup
	python benchmarks/sweep.py --game breakout
	python benchmarks/sweep.py --game nethack

# Pin what is installed now: change pyproject.toml, install, then `make lock`.
lock:
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/^torch==\(.*\)+.*/torch==\1/' > requirements.lock

# A wheel, installed into an environment of its own with what fits need and nothing else; a fit.
wheel:
	rm -rf build/wheel && mkdir -p build/wheel
	$(PYTHON) -m venv build/wheel/env
	build/wheel/env/bin/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	build/wheel/env/bin/python -m pip install --quiet build/wheel/*.whl
	build/wheel/env/bin/python tests/planted_table.py build/wheel/runs.csv
	cd build/wheel && env/bin/ilscaling fit runs.csv --out laws && env/bin/ilscaling forecast runs.csv --budget 1e+14

# The documentation as a site, in an environment of its own; a link that leads nowhere is an error.
site:
	rm -rf build/site-pages && mkdir -p build/site-pages/results
	cp -r docs extensions CONTRIBUTING.md CHANGELOG.md CITATION.cff LICENSE build/site-pages/
	cp results/LOG.md build/site-pages/results/
	cp README.md build/site-pages/index.md
	$(PYTHON) -m venv build/site-env
	build/site-env/bin/python -m pip install --quiet "mkdocs-material>=9.5,<10"
	build/site-env/bin/mkdocs build --strict

# Foraging, the worked example of docs/extending.md: minutes.
tiny: setup
	snakemake --cores all --configfile studies/foraging.yaml

# The report in a real browser: chromium, node and npm are there, axe-core and puppeteer-core come.
test-browser: setup
	npm install --silent --no-audit --no-fund --prefix .browser axe-core puppeteer-core
	pytest -q -m browser tests/test_browser.py $(PYTEST_ARGS)

# Views of what was made, and what Snakemake keeps for itself: the next run brings them back from
# the store in seconds. The store stays.
clean:
	rm -rf .snakemake logs study results/*/keys results/*/figures results/*/laws results/*/*.csv results/*/*.html site dist build
	@echo "The store stays: $${ILSCALING_STORE:-data}. 'ilscaling gc' lists what no study needs; 'make clean-store' removes all of it."

# Hours of computing: asks first.
clean-store:
	@store="$${ILSCALING_STORE:-data}"; du -sh "$$store" 2>/dev/null || { echo "no store at $$store"; exit 0; }; \
	printf 'Remove all that was ever made there? Type yes: '; read -r answer; \
	if [ "$$answer" = yes ]; then rm -rf "$$store"; else echo "Nothing was removed."; exit 1; fi
