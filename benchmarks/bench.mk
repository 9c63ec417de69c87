# Benchmarks, for the main Makefile to include. Everything they need is in an environment of its own.
#
#   make bench-quick    every script, shortly: orders of magnitude, and whether everything works
#   make bench          the complete run behind docs/performance.md; wants a machine with nothing else to do
#   make bench-guard    fails when something has become much slower; the machine need not be quiet
#   make bench BENCH="step_overhead reset_stall"    only these
#   make bench BENCH_TORCH=     without torch, Stable-Baselines3 and torchcodec

BENCH_VENV := .venv-bench
BENCH_PY := $(CURDIR)/$(BENCH_VENV)/bin/python
BENCH_PIP = $(BENCH_PY) -m pip install --quiet --disable-pip-version-check
BENCH_BUILD := build/bench
BENCH_RESULTS ?= $(BENCH_BUILD)/results
BENCH_QUICK_RESULTS ?= $(BENCH_BUILD)/results-quick
BENCH_TORCH ?= yes
BENCH ?= conversion encode_throughput step_overhead reset_stall short_episodes write_latency peak_memory training_loop \
    many_streams vector_video statistics_cost vector_statistics import_time distinct_frames

.PHONY: bench bench-quick bench-guard bench-report bench-convert bench-environment

# One after the other: a script that fails must not cost the others' results.
run_benchmarks = failed=; for name in $(BENCH); do \
	echo "==> $$name"; \
	$(BENCH_PY) benchmarks/$$name.py $(1) || failed="$$failed $$name"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

bench: bench-environment bench-convert
	@$(call run_benchmarks,--json $(BENCH_RESULTS)/$$name.json)

bench-quick: bench-environment bench-convert
	@$(call run_benchmarks,--quick --json $(BENCH_QUICK_RESULTS)/$$name.json)

bench-guard: bench-environment bench-convert
	@$(BENCH_PY) benchmarks/guard.py

# The tables and plots of docs/performance.md, from the last complete run.
bench-report: bench-environment
	$(BENCH_PY) benchmarks/report.py $(BENCH_RESULTS)/*.json
	$(BENCH_PY) benchmarks/plot.py $(BENCH_RESULTS)/*.json

bench-convert: | system-demo
	@cmake -S . -B $(BENCH_BUILD) -DCMAKE_BUILD_TYPE=Release -DGYMREEL_PYTHON_MODULE=OFF -DGYMREEL_BENCHMARKS=ON \
	    >/dev/null
	@cmake --build $(BENCH_BUILD) --target convert_bench --parallel >/dev/null

# gymreel is installed anew whenever its sources have changed, never editable: users do not run it so.
bench-environment: $(BENCH_VENV)/stamps/gymreel

$(BENCH_VENV)/stamps/made: benchmarks/requirements.txt benchmarks/requirements-torch.txt
	@echo "==> Environment for benchmarks"
	@test -x $(BENCH_PY) || $${PYTHON:-python3} -m venv $(BENCH_VENV)
	@mkdir -p $(BENCH_VENV)/stamps && echo '*' >$(BENCH_VENV)/.gitignore
	@$(BENCH_PIP) -r benchmarks/requirements.txt
	@test -z "$(BENCH_TORCH)" || $(BENCH_PIP) -r benchmarks/requirements-torch.txt || \
	    echo "torch could not be installed: Stable-Baselines3 and torchcodec will be left out"
	@touch $@

$(BENCH_VENV)/stamps/gymreel: $(BUILD_INPUTS) $(shell find src -name '*.py') $(BENCH_VENV)/stamps/made | system-demo
	@echo "==> Build for benchmarks"
	@$(BENCH_PIP) .
	@touch $@
