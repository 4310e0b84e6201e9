# make demo    the whole robot on this machine; sets up what is missing
# make test    linters and all tests; make test-fast: half of them, within a minute
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Each file stays with one process, which shares what its tests make. Programs are compiled once.
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 python -m pytest -n auto --dist loadfile --no-loadscope-reorder
ENV := . scripts/env.sh &&
BENCH := bench_output
PROGRAM := ros2_ws/install/fer_bringup/lib/fer_bringup/robot
ROBOT := sim
# Robots whose maker's simulator runs beside the demo: scripts/NAME.sh installs it.
MAKERS = $(if $(filter reachy_mini,$(ROBOT)),python -m robot_behavior.robots.$(ROBOT).simulator run)

.PHONY: help setup setup-dev demo run test test-fast bench bench-against lock docs docs-site fuzz coverage mutation soak doctor size sbom lint format clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup:           ## install ROS and what the robot needs, build the workspace. ROS=kilted: that distribution from now on; VOICE=piper: a neural voice; STUDY=1: what fer-study needs; VIDEO=1: what writes videos; DOCS=1: what builds the site
	@scripts/setup.sh robot

setup-dev:       ## the same, and what viewer, training, tests and benchmarks need
	@scripts/setup.sh dev

demo:            ## camera (or the built-in clip), simulated robot, voice; leaves demo_output/. VIEWER=1: in the browser too; ROBOT=reachy_mini: in its maker's simulator; VOICE=piper: with a neural voice
	@VIDEO=1 scripts/setup.sh $(if $(filter-out 0 false no,$(VIEWER)),viewer,robot)
	@$(if $(MAKERS),scripts/$(ROBOT).sh)
	@$(ENV) $(MAKERS) $(PROGRAM) --camera $(if $(MAKERS),clip,auto) --robot $(ROBOT) --speech $(or $(VOICE),espeak) --video demo_output $(if $(filter-out 0 false no,$(VIEWER)),--viewer true)

run: setup       ## the robot with options of your own: make run ARGS="--camera 0"
	@$(ENV) $(PROGRAM) $(ARGS)

test: setup-dev lint  ## linters and all tests; ARGS="--shuffle 7": in a random order
	@$(ENV) $(PYTEST) $(ARGS)

test-fast: setup-dev  ## the tests that start no program, need no DDS and no PyTorch: within a minute
	@$(ENV) $(PYTEST) --fast $(ARGS)

bench: setup-dev  ## speed of the networks beside others, in five minutes; leaves bench_output/
	@$(ENV) ec-rfernet benchmark --json $(BENCH)/benchmark.json \
		--text $(BENCH)/benchmark.txt --plot $(BENCH)/benchmark.png $(ARGS)
	@$(ENV) python -m tests.benchmarks --json $(BENCH)/pipeline.json --networks $(BENCH)/benchmark.json

bench-against: setup-dev  ## make bench-against BASE=/path: compares this checkout with another one, in turn
	@$(ENV) python -m tests.benchmarks.against $(or $(BASE),$(error BASE=/path/to/another/checkout)) $(ARGS)

fuzz: setup-dev  ## hostile files and messages for every reader: make fuzz SECONDS=300; findings in fuzz_output/
	@$(ENV) python -m tests.fuzz --seconds $(or $(SECONDS),300) $(ARGS)

coverage: setup-dev  ## which lines the tests run, by package; also of the kernels and the firmware. ARGS="--lines": which not
	@$(ENV) python -m tests.covered $(ARGS)

mutation: setup-dev  ## does a test fail where arbiter, mover, smoother or stop are wrong? ARGS="--only arbiter": of one part
	@$(ENV) python -m tests.mutants $(ARGS)

soak: setup-dev  ## does anything grow? make soak HOURS=8, or MINUTES=10 SPEED=8; plot and verdict in soak_output/
	@$(ENV) OMP_NUM_THREADS=1 python -m tests.soak --hours $(or $(HOURS),0) --minutes $(or $(MINUTES),0) --speed $(or $(SPEED),1) $(ARGS)

doctor:          ## what is wrong with this machine, and how to mend it
	@if [ -f .venv/bin/activate ]; then $(ENV) true; fi; \
		PYTHONPATH=ros2_ws/src/fer_monitor:ros2_ws/src/ec_rfernet$${PYTHONPATH:+:$$PYTHONPATH} python3 -m fer_monitor.doctor $(ARGS)

size:            ## what the robot has installed, how large it is, and why
	@[ -f .venv/bin/activate ] || { echo "size: nothing is installed yet: run make setup first" >&2; exit 2; }
	@$(ENV) python scripts/size.py $(ARGS)

lock: setup      ## requirements/lock/ anew: the newest versions within the ranges
	@$(ENV) python -m pip install --quiet uv && scripts/lock.sh

docs: setup-dev  ## write anew what is generated: robot.yaml, tables of parameters, arguments, commands, messages; ARGS="--figures bench_output": with the figures of the last make bench
	@$(ENV) python scripts/generate_docs.py $(ARGS)

docs-site:       ## the documentation as a site, in site/: open site/index.html. A broken link is an error
	@DOCS=1 scripts/setup.sh robot
	@$(ENV) NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet $(ARGS)
	@echo "open site/index.html"

sbom: setup      ## what the robot installs here, as a CycloneDX bill of materials: sbom_output/robot.cdx.json; ARGS="--with video piper"
	@$(ENV) python -m venv .venv-sbom && .venv-sbom/bin/python -m pip install --quiet -r requirements/sbom.txt && \
		python scripts/sbom.py --tool .venv-sbom/bin/cyclonedx-py $(ARGS)

lint: setup-dev  ## ruff, mypy, and who may import whom
	@$(ENV) ruff check . && ruff format --check . && mypy && lint-imports --no-logo --no-cache

format: setup-dev  ## let ruff rewrite the sources
	@$(ENV) ruff check --fix . && ruff format .

clean:           ## remove everything that was installed, built or recorded here
	rm -rf .venv .venv-reachy-mini .venv-sbom ros2_ws/build ros2_ws/install ros2_ws/log demo_output bench_output fuzz_output soak_output sbom_output coverage_output site
