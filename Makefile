# make demo    everything, from a recording to a deployed policy and a report (sets itself up)
# make test    all tests           make lint    formatting, types, import rules
# make bench   all benchmarks      make bench-NAME    one
# make colcon  the same tree as a ROS 2 workspace
.PHONY: help setup setup-dev demo test lint bench colcon clean
.DEFAULT_GOAL := help

BIN := .venv/bin
PACKAGES := src/h2s2r_perception src/h2s2r_retarget src/h2s2r_policy src/h2s2r_sim src/h2s2r_drivers launch
# One thread for every numerical library: batches are our parallelism, and oversubscription halves the speed.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

help:
	@sed -n 's/^# //p' Makefile

setup: .venv/.packages
setup-dev: .venv/.development

.venv/.base: constraints.txt tools/setup.sh tools/system_packages.sh
	@tools/system_packages.sh
	@tools/setup.sh base

.venv/.packages: .venv/.base $(PACKAGES:%=%/setup.py)
	@tools/setup.sh packages $(PACKAGES)

.venv/.development: .venv/.packages
	@tools/setup.sh development

demo: setup
	@$(BIN)/h2s2r demo

# A file stays on one core; `make test PYTEST_ARGS="-x src/..."` runs some of them one by one.
PYTEST_ARGS ?= -n 2 --dist loadgroup
test: setup-dev
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: setup-dev
	$(BIN)/ruff check src launch
	$(BIN)/ruff format --check src launch
	$(BIN)/mypy $(foreach p,$(PACKAGES),$(p)/$(if $(filter launch,$(p)),h2s2r_bringup,$(notdir $(p))))
	$(BIN)/lint-imports

BENCHES := environment policy kinematics offline perception live live-retarget retarget drivers
bench: $(BENCHES:%=bench-%)

bench-environment: MODULE := h2s2r_sim.bench
bench-policy: MODULE := h2s2r_policy.bench
bench-kinematics: MODULE := h2s2r_retarget.bench
bench-offline: MODULE := h2s2r_sim.demonstrator.bench
bench-live: MODULE := h2s2r_bringup.live_bench
bench-live-retarget: MODULE := h2s2r_bringup.live_retarget_bench
bench-perception: MODULE = h2s2r_sim.perception_bench --sequences $(SEQUENCES) --data $(DATA) $(PERCEPTION_ARGS)
# The full run; fewer for a look: make bench-perception SEQUENCES=2 PERCEPTION_ARGS="--split dev --no-peers"
SEQUENCES ?= 20
bench-retarget: setup-dev bench-live-retarget
bench-retarget: MODULE = h2s2r_sim.retarget_bench $(RETARGET_ARGS)
# The peers are in the second part of constraints.txt. Fewer hands: make bench-retarget RETARGET_ARGS="--hands 100"
bench-drivers: MODULE := h2s2r_drivers.bench
bench-faults: MODULE := h2s2r_drivers.fault_matrix
bench-hand: MODULE = h2s2r_perception.hand_pose.bench --data $(DATA)
bench-hand-in-object: MODULE := h2s2r_sim.hand_bench
# Recordings of real hands that are not part of the project: make bench-hand DATA=folder
DATA ?= ../shared/data

bench-%: setup
	@mkdir -p build/bench
	@$(BIN)/python -m $(MODULE)

colcon: setup-dev
	@tools/colcon.sh

clean:
	rm -rf build install log
