# `make demo` and `make test` are all a newcomer needs; both set up a virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo pictures test lint unit wheel viewer nightly torture load bench bench-quick links clean

install: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@

demo: install
	$(BIN)/python examples/demo.py

# docs/images, drawn from sample_traces; needs chromium
pictures: install
	$(BIN)/python examples/pictures.py

test: lint unit wheel bench-quick

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: install
	$(BIN)/pytest -n auto

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

# a report in the browsers that `make test` does not try; apt-get install firefox-esr webkit2gtk-driver xvfb
nightly: install
	TCC_TEST_BROWSERS=1 $(BIN)/pytest tests/viewer/test_other_browsers.py

# long campaigns, well over half an hour; docs/reliability.md is written by the third
torture: install
	TCC_TORTURE=1 $(BIN)/pytest -n auto --timeout 3600 tests/crashes tests/model
	$(BIN)/python tests/simulation/run.py --seeds 100000 --jobs $$(getconf _NPROCESSORS_ONLN)
	$(BIN)/python tests/torture/campaign.py --kills 10000
	$(PYTHON) tests/recorder/openai_agents/matrix.py

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

clean:
	rm -rf $(VENV) benchmarks/.peers build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
