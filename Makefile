# `make demo` and `make test` are all a newcomer needs; both set up a virtual environment first.  `make help` lists all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo demo-fleet docs pictures dashboard test lint audit unit wheel viewer nightly browsers hosts integrations units image versions coverage mutants torture hostile load bench bench-quick links clean

# .venv, with the product and what its tests need
install: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@

# this list
help:
	@awk '/^#/ { said = substr($$0, 3) } /^[a-z-]+:/ { split($$0, name, ":"); printf "%-13s %s\n", name[1], said; said = "" } /^$$/ { said = "" }' Makefile

# records, crashes, delivers and shows runs, in half a minute; needs the product alone
demo: build/demo/.ready
	build/demo/bin/python examples/demo.py

build/demo/.ready: pyproject.toml
	$(PYTHON) -m venv build/demo
	build/demo/bin/pip install --quiet --editable .
	@touch $@

# three machines, a bucket, two workers with one ledger, a kill; needs PostgreSQL's programs (apt-get install postgresql)
demo-fleet: install
	$(BIN)/python examples/demo_fleet.py

# the pages as a site in build/site; a warning is an error
docs: install
	$(BIN)/pip install --quiet --group docs
	$(BIN)/mkdocs build --quiet --strict

# docs/images, drawn from sample_traces; needs chromium
pictures: install
	$(BIN)/python examples/pictures.py

# docs/images/dashboard.png, drawn after a real outage of 80 seconds; needs chromium and prometheus
dashboard: install
	$(BIN)/python tests/observability/picture.py

# every check and test
test: lint unit wheel bench-quick

# formatting, types, layers, security
lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive schemas recorder uploader/tcc_uploader

# known vulnerabilities of what is installed; needs a network, and fails if it can't ask about every package
audit: install
	$(BIN)/pip install --quiet --group audit
	mkdir -p build && $(BIN)/pip freeze --exclude-editable > build/installed.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement build/installed.txt

# two workers more than processors: many tests wait for most of their time
unit: install
	$(BIN)/pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 2))

# the built wheel, alone in a clean environment, runs the demo
wheel: install
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m build --wheel --sdist --outdir build/wheel . > build/wheel/build.log || { cat build/wheel/build.log; exit 1; }
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/pip install --quiet build/wheel/*.whl
	build/wheel/venv/bin/python examples/demo.py

# the page of `tcc-upload report`, after a change in uploader/viewer; needs node
viewer:
	cd uploader/viewer && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent check && npm run --silent build

# what takes too long for `make test`, two hours; when it last ran, and what it found: docs/nightly.md
nightly: browsers hosts integrations units image hostile versions

# a report in the browsers that `make test` does not try; what is missing is installed by root, and named to others
BROWSERS := firefox-esr webkit2gtk-driver xvfb
browsers: install
	@for program in firefox-esr WebKitWebDriver xvfb-run; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -y -qq $(BROWSERS); \
	elif [ -n "$$missing" ]; then echo "missing:$$missing; on Debian: sudo apt-get install $(BROWSERS)"; exit 1; fi
	TCC_TEST_BROWSERS=1 $(BIN)/pytest tests/viewer/test_other_browsers.py

# records in real uWSGI, gunicorn, Celery, gevent, eventlet, uvloop, multiprocessing and a Jupyter kernel
hosts: build/hosts/.ready
	TCC_TEST_HOSTS=1 build/hosts/bin/pytest tests/hosts

# the official packages, Python's and npm's, with their frameworks: 2 GB in build/integrations; half an hour at first
integrations: install
	TCC_TEST_INTEGRATIONS=all $(BIN)/pytest tests/integrations

build/hosts/.ready: pyproject.toml
	$(PYTHON) -m venv build/hosts
	build/hosts/bin/pip install --quiet --upgrade 'pip>=25.1'
	build/hosts/bin/pip install --quiet --editable . --group dev --group hosts
	@touch $@

# the units in deploy/ under a real systemd, in namespaces, as root; the system's Python, because a unit sees no homes
units: install build/units/.ready
	TCC_TEST_UNITS=$(CURDIR)/build/units $(BIN)/pytest tests/units

build/units/.ready: $(wildcard deploy/systemd/*) $(shell find schemas recorder uploader/tcc_uploader -name '*.py')
	rm -rf build/units && /usr/bin/python3 -m venv --without-pip build/units
	$(BIN)/pip --python build/units/bin/python install --quiet '.[gateway]'
	@touch $@

# the image and Compose's file under podman, as root on Debian; the base image is pulled, or made of Debian's packages
CONTAINER_TOOLS := podman runc netavark aardvark-dns iptables debootstrap
image: install
	@dpkg -s $(CONTAINER_TOOLS) >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(CONTAINER_TOOLS); }
	$(BIN)/pip install --quiet --group image
	TCC_TEST_IMAGE=$(CURDIR)/$(BIN) $(BIN)/pytest tests/image

# the whole suite on every CPython from 3.11 that this machine has
versions: install
	$(BIN)/python tests/versions.py

# which lines and branches the whole suite reaches, in all processes; those that it does not are listed
coverage: install
	$(BIN)/pip install --quiet --group coverage
	rm -rf build/coverage && mkdir -p build/coverage
	status=0; $(BIN)/coverage run -m pytest -n $$(getconf _NPROCESSORS_ONLN) -p support.measured || status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report; exit $$status

# the deciding core, changed in more than a thousand ways, each of which a test must see: docs/mutants.md is written
mutants: install
	$(BIN)/pip install --quiet --group mutants
	nice -n 15 $(BIN)/python tests/mutation/run.py

# long campaigns, an hour of fuzzing among them; docs/reliability.md is written by the fourth
torture: install
	TCC_TORTURE=1 $(BIN)/pytest -n auto --timeout 3600 tests/crashes tests/model tests/uploader/cli/test_any_environment.py
	$(BIN)/python tests/simulation/run.py --seeds 100000 --jobs $$(getconf _NPROCESSORS_ONLN)
	TCC_FUZZ_SECONDS=400 $(BIN)/pytest --timeout 3600 tests/fuzz
	$(BIN)/python tests/torture/campaign.py --kills 10000
	$(PYTHON) tests/recorder/openai_agents/matrix.py

# small inputs that are made to cost much, a few minutes; their part of docs/reliability.md is written
hostile: install
	$(BIN)/python tests/torture/campaign.py --only hostile

# the suite ten times beside four busy loops, two hours or more: what it found is in docs/load.md
load: install
	@for loop in 1 2 3 4; do (while :; do :; done) & loops="$$loops $$!"; done; trap "kill $$loops" EXIT; \
	for run in 1 2 3 4 5 6 7 8 9 10; do echo "run $$run"; $(BIN)/pytest -q -n 3 || exit; done

# real links between network namespaces, as root: docs/links.md is written; five minutes
links: install
	$(BIN)/python tests/links/measure.py

# what it all costs, as ratios to the least that it could, and beside others: docs/performance.md is written; half an hour
bench: install
	$(BIN)/python -m benchmarks

# shows that the benchmarks work
bench-quick: install
	$(BIN)/python -m benchmarks --quick

# everything that was built or installed here
clean:
	rm -rf $(VENV) benchmarks/.peers build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
