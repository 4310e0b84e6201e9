# make demo    the whole robot on this machine; sets up what is missing
# make test    linters and all tests
.DEFAULT_GOAL := help
SHELL := /bin/bash
ENV := . scripts/env.sh &&
BENCH := bench_output
ROBOT := ros2_ws/install/fer_bringup/lib/fer_bringup/robot

.PHONY: help setup setup-dev demo run test bench doctor size lint format clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup:           ## install ROS and what the robot needs, build the workspace
	@scripts/setup.sh robot

setup-dev:       ## the same, and what viewer, training, tests and benchmarks need
	@scripts/setup.sh dev

demo:            ## camera (or the built-in clip), simulated robot, voice; leaves demo_output/. VIEWER=1: in the browser too
	@scripts/setup.sh $(if $(VIEWER),viewer,robot)
	@$(ENV) $(ROBOT) --camera auto --robot sim --speech espeak --video demo_output $(if $(VIEWER),--viewer true)

run: setup       ## the robot with options of your own: make run ARGS="--camera 0"
	@$(ENV) $(ROBOT) $(ARGS)

test: setup-dev lint  ## linters and all tests
	@$(ENV) OMP_NUM_THREADS=1 python -m pytest -n auto --dist loadfile

bench: setup-dev  ## speed of the networks beside others, in five minutes; leaves bench_output/
	@$(ENV) ec-rfernet benchmark --json $(BENCH)/benchmark.json \
		--text $(BENCH)/benchmark.txt --plot $(BENCH)/benchmark.png $(ARGS)
	@$(ENV) python -m tests.benchmarks --json $(BENCH)/pipeline.json

doctor:          ## what is wrong with this machine, and how to mend it
	@if [ -f .venv/bin/activate ]; then $(ENV) true; fi; \
		PYTHONPATH=ros2_ws/src/fer_monitor$${PYTHONPATH:+:$$PYTHONPATH} python3 -m fer_monitor.doctor $(ARGS)

size:            ## what the robot has installed, how large it is, and why
	@$(ENV) python scripts/size.py $(ARGS)

lint: setup-dev  ## ruff and mypy
	@$(ENV) ruff check . && ruff format --check . && mypy

format: setup-dev  ## let ruff rewrite the sources
	@$(ENV) ruff check --fix . && ruff format .

clean:           ## remove everything that was installed, built or recorded here
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log demo_output bench_output
