# Every target does its own set-up: system packages (looked at first, installed only where missing), a virtual
# environment in .venv, the build in build/. What is done already is not done again.
#
#   make test PYTHON=python3.13     with another Python than the first that is new enough

PYTHON ?=
export PYTHON
CXX_FILES = $(shell find cpp tests/cpp tests/fuzz -name '*.[hc]pp')

VENV := .venv
PY := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# Where the editable install builds: build-dir in pyproject.toml.
BUILD_DIR = build/$(shell $(PY) -c 'import sys; print(sys.implementation.cache_tag)')

# Folders count as well, so that a file that comes or goes is noticed.
BUILD_INPUTS := pyproject.toml CMakeLists.txt $(shell find cmake cpp -not -name '.*')
include benchmarks/bench.mk
include tests/reliability/reliability.mk
TEST_INPUTS := $(shell find tests/cpp -not -name '.*')

# A compiler cache is used where there is one.
ifneq ($(shell command -v ccache),)
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
endif

# An environment that cannot be used any more is removed before anything is compared with it.
ifneq ($(wildcard $(STAMPS)/made-for),)
$(shell tools/venv.sh check)
endif

.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test lint format tidy wheel sdist clean distclean system-demo system-test system-python

help:
	@echo "make demo       record CartPole with the tutorial's script and say where the videos are"
	@echo "make test       build with warnings as errors and run every test and check"
	@echo "make lint       check style and types"
	@echo "make format     format Python and C++"
	@echo "make tidy       run clang-tidy over the C++"
	@echo "make soak       run the reliability tests at length: kills, faults, forks, thousands of recordings"
	@echo "make test-asan  run the tests with AddressSanitizer and UndefinedBehaviorSanitizer (make test-tsan)"
	@echo "make fuzz       feed the core random files and frames"
	@echo "make bench      measure gymreel against its peers (make bench-quick, bench-guard, bench-report)"
	@echo "make wheel      build a wheel with an FFmpeg inside into dist/"
	@echo "make sdist      build the source distribution into dist/"
	@echo "make clean      remove what was built"
	@echo "make distclean  remove the virtual environment too"

# pygame asks SDL for a display even where nothing is shown, and Wayland's library complains of a machine that has none.
OFF_SCREEN = SDL_VIDEODRIVER="$${SDL_VIDEODRIVER:-dummy}" SDL_AUDIODRIVER="$${SDL_AUDIODRIVER:-dummy}"

demo: system-demo $(STAMPS)/build
	@rm -rf demo && mkdir demo
	@echo "==> Recording CartPole with examples/evaluate.py"
	@cd demo && $(OFF_SCREEN) ../$(PY) ../examples/evaluate.py
	@echo "==> The videos:"
	@find "$(CURDIR)/demo" -name '*.mp4' | sort | sed 's/^/    /'

# pytest comes last: its closing line is what the log ends with.
test: system-test $(STAMPS)/packages-test $(STAMPS)/packages-sb3 $(STAMPS)/build-development
	@echo "==> C++ tests"
	@$(VENV)/bin/ctest --test-dir $(BUILD_DIR) --output-on-failure --no-tests=error
	@echo "==> Types and style"
	@$(PY) -m mypy
	@$(PY) -m mypy.stubtest gymreel._core --mypy-config-file pyproject.toml
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@echo "==> Python tests"
	@$(PY) -m pytest

lint: system-test $(STAMPS)/packages-dev $(STAMPS)/build-development
	$(PY) -m mypy
	$(PY) -m mypy.stubtest gymreel._core --mypy-config-file pyproject.toml
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(VENV)/bin/clang-format --dry-run --Werror $(CXX_FILES)

format: $(STAMPS)/packages-dev
	$(PY) -m ruff check --fix-only
	$(PY) -m ruff format
	$(VENV)/bin/clang-format -i $(CXX_FILES)

# A configuration of its own, in which every source is compiled by itself. Nothing is built.
tidy: system-test $(STAMPS)/packages-dev
	@$(VENV)/bin/cmake -S . -B build/tidy -G "Unix Makefiles" -DGYMREEL_DEVELOPMENT=ON -DGYMREEL_UNITY=OFF \
	    -DPython_EXECUTABLE="$(CURDIR)/$(PY)" -Dpybind11_DIR="$$($(PY) -m pybind11 --cmakedir)" >/dev/null
	printf '%s\n' $(filter %.cpp,$(CXX_FILES)) | \
	    xargs -P "$$(getconf _NPROCESSORS_ONLN)" -n 1 $(VENV)/bin/clang-tidy --quiet -p build/tidy

# With an FFmpeg inside. FFMPEG_FLAVOUR=lgpl leaves x264 out, FFMPEG_SOURCES=folder has the archives.
wheel: $(STAMPS)/packages-wheel
	@tools/system_packages.sh bundle
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" tools/build_ffmpeg.sh
	@rm -rf build/wheel
	GYMREEL_BUNDLED_FFMPEG=1 $(PY) -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir build/wheel .
	@mkdir -p dist
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) tools/repair_wheel.py build/wheel/*.whl dist

sdist: $(STAMPS)/packages-build
	$(PY) -c 'from scikit_build_core.build import build_sdist; build_sdist("dist")'

clean:
	rm -rf build bundled dist demo .mypy_cache .pytest_cache .ruff_cache .hypothesis $(STAMPS)/build $(STAMPS)/build-development

distclean: clean
	rm -rf $(VENV)

system-demo:
	@tools/system_packages.sh demo

system-test:
	@tools/system_packages.sh test

system-python:
	@tools/system_packages.sh python

$(STAMPS)/made-for: | system-python
	@tools/venv.sh create

$(STAMPS)/packages-build: pyproject.toml $(STAMPS)/made-for
	@echo "==> Python packages: build"
	@$(PIP) --group build
	@touch $@

$(STAMPS)/packages-wheel: pyproject.toml $(STAMPS)/made-for
	@echo "==> Python packages: wheel"
	@$(PIP) --group wheel
	@touch $@ $(STAMPS)/packages-build

$(STAMPS)/packages-test: pyproject.toml $(STAMPS)/made-for
	@echo "==> Python packages: test"
	@$(PIP) --group build --group test
	@touch $@ $(STAMPS)/packages-build

# Apart from the others: not where it would take gigabytes, and without it the tests that need it are skipped.
$(STAMPS)/packages-sb3: pyproject.toml tools/install_sb3.sh $(STAMPS)/packages-test
	@echo "==> Python packages: Stable-Baselines3"
	@if tools/install_sb3.sh; then touch $@; fi

$(STAMPS)/packages-dev: pyproject.toml $(STAMPS)/made-for
	@echo "==> Python packages: dev"
	@$(PIP) --group dev
	@touch $@ $(STAMPS)/packages-build $(STAMPS)/packages-test

# The examples' packages come along, for the demo.
# A development build serves for the demo as well, and CMake remembers that it was one.
$(STAMPS)/build: $(BUILD_INPUTS) $(STAMPS)/packages-build
	@echo "==> Build (a minute or two the first time)"
	@$(PIP) --no-build-isolation --editable '.[examples]'
	@touch $@

$(STAMPS)/build-development: $(BUILD_INPUTS) $(TEST_INPUTS) $(STAMPS)/packages-build
	@echo "==> Build, warnings as errors, with the C++ tests (a minute or two the first time)"
	@$(PIP) --no-build-isolation --config-settings=cmake.define.GYMREEL_DEVELOPMENT=ON --editable '.[examples]'
	@touch $@ $(STAMPS)/build
