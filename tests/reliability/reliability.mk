# What is too slow for every change, for the main Makefile to include: the tests with sanitizers, fuzzing, long runs.
#
#   make test-asan    C++ and Python tests with AddressSanitizer and UndefinedBehaviorSanitizer
#   make test-tsan    the same with ThreadSanitizer
#   make fuzz         each fuzz target for FUZZ_SECONDS, with libFuzzer where clang++ has it
#   make soak         the tests that have a long version, with many more rounds, examples and steps
#   make test-asan SANITIZER_PYTEST="tests/writer/test_writer.py -x"    other arguments for pytest
#
# GCC's sanitizers: the interpreter itself is not instrumented, so the runtime comes before it with LD_PRELOAD.

SANITIZER_PYTEST ?= tests
FUZZ_SECONDS ?= 60
FUZZ_CXX ?= $(or $(shell command -v clang++),$(CXX))
FUZZ_BUILD = build/fuzz/$(notdir $(FUZZ_CXX))

.PHONY: test-asan test-tsan fuzz soak

test-asan: export ASAN_OPTIONS = $(ASAN_FLAGS):log_path=$(CURDIR)/build/asan/reports/asan
test-asan: export UBSAN_OPTIONS = $(UBSAN_FLAGS):log_path=$(CURDIR)/build/asan/reports/ubsan
test-asan: system-test $(STAMPS)/packages-test
	@$(call build_sanitized,build/asan,address;undefined)
	@echo "==> C++ tests with AddressSanitizer and UndefinedBehaviorSanitizer"
	@$(call run_sanitized_cpp,build/asan,env \
	    ASAN_OPTIONS=$(ASAN_FLAGS):detect_leaks=1 LSAN_OPTIONS=$(LSAN_FLAGS) UBSAN_OPTIONS=$(UBSAN_FLAGS),$(ASAN_CPP_DESELECTED))
	@echo "==> Python tests with AddressSanitizer and UndefinedBehaviorSanitizer"
	@$(call run_sanitized_python,build/asan,$(ASAN_DESELECTED))

test-tsan: export TSAN_OPTIONS = $(TSAN_FLAGS):log_path=$(CURDIR)/build/tsan/reports/tsan
test-tsan: system-test $(STAMPS)/packages-test
	@$(call build_sanitized,build/tsan,thread)
	@echo "==> C++ tests with ThreadSanitizer"
	@$(call run_sanitized_cpp,build/tsan,env TSAN_OPTIONS=$(TSAN_FLAGS))
	@echo "==> Python tests with ThreadSanitizer"
	@$(call run_sanitized_python,build/tsan,$(TSAN_DESELECTED))

soak: system-test $(STAMPS)/packages-test $(STAMPS)/build-development
	@$(PY) -m pytest -s --soak tests/reliability tests/recovery tests/vector

# Starts with what earlier runs have found out, in $(FUZZ_BUILD)/corpus. An input that fails stays in $(FUZZ_BUILD), and
# fails again with: $(FUZZ_BUILD)/TARGET FILE
fuzz: system-demo $(STAMPS)/packages-build
	@echo "==> Build the fuzz targets with $(FUZZ_CXX) (a minute or two the first time)"
	@mkdir -p $(FUZZ_BUILD)
	@$(VENV)/bin/cmake -S . -B $(FUZZ_BUILD) -G Ninja -DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(VENV)/bin/ninja" \
	    -DCMAKE_CXX_COMPILER="$(FUZZ_CXX)" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGYMREEL_PYTHON_MODULE=OFF \
	    -DGYMREEL_FUZZ=ON -DGYMREEL_SANITIZE="address;undefined" >$(FUZZ_BUILD)/configure.log || \
	    { cat $(FUZZ_BUILD)/configure.log; exit 1; }
	@$(VENV)/bin/cmake --build $(FUZZ_BUILD) >$(FUZZ_BUILD)/build.log || { cat $(FUZZ_BUILD)/build.log; exit 1; }
	@$(FUZZ_BUILD)/make_corpus $(FUZZ_BUILD)/seeds
	@$(call run_fuzz_target,fuzz_recovery,16384)
	@$(call run_fuzz_target,fuzz_frames,1024)

# $(1): the target; $(2): the largest input in bytes.
define run_fuzz_target
echo "==> $(1), $(FUZZ_SECONDS) seconds"; \
mkdir -p $(FUZZ_BUILD)/corpus/$(1) && \
$(FIXED_ADDRESSES) env ASAN_OPTIONS=$(FUZZ_ASAN_FLAGS) LSAN_OPTIONS=$(LSAN_FLAGS) \
    UBSAN_OPTIONS=$(UBSAN_FLAGS) \
    $(FUZZ_BUILD)/$(1) -max_total_time=$(FUZZ_SECONDS) -max_len=$(2) -timeout=120 -rss_limit_mb=4096 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix=$(FUZZ_BUILD)/$(1)- \
    $(FUZZ_BUILD)/corpus/$(1) $(FUZZ_BUILD)/seeds/$(1)
endef

# Leaks are looked for in the C++ tests only: an interpreter that ends leaves thousands of objects on purpose.
ASAN_FLAGS := detect_leaks=0:strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
LSAN_FLAGS := suppressions=$(CURDIR)/tests/reliability/lsan.supp:print_suppressions=0
FUZZ_ASAN_FLAGS := detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
UBSAN_FLAGS := print_stacktrace=1:halt_on_error=1
# Calls to the C library are looked at where instrumented code makes them: others' waits and atomics are invisible here.
TSAN_FLAGS := suppressions=$(CURDIR)/tests/reliability/tsan.supp:die_after_fork=0:second_deadlock_stack=1:ignore_noninstrumented_modules=1

# Forks beside threads that are at work: AddressSanitizer's allocator stays locked in the child when a thread was in it,
# and ThreadSanitizer mixes up the threads of parent and child.
ASAN_CPP_DESELECTED := -tce="engine: a forked child*"
FORKS_DESELECTED := --deselect tests/engine/test_processes.py::test_a_forked_child \
    --deselect "tests/engine/test_processes.py::test_pool_workers_record_their_own_videos[fork]" \
    --deselect tests/engine/test_processes.py::test_a_recorder_in_a_forked_child_is_told_of_its_own_videos \
    --deselect tests/wrappers/test_certain_videos.py::test_a_forked_child_removes_and_tells_of_nothing_of_its_parents \
    --deselect tests/wrappers/test_record_video_lifecycle.py::TestEnds::test_forked_processes \
    --deselect "tests/reliability/test_threads_and_forks.py::test_workers_of_an_executor_record_while_their_parent_does[fork]" \
    --deselect tests/reliability/test_threads_and_forks.py::test_forks_at_random_moments \
    --deselect tests/reliability/test_threads_and_forks.py::test_children_of_children \
    --ignore tests/reliability/test_forks_beside_openings.py
# A library that fails calls on purpose wants to come first, and so does a sanitizer's runtime.
FAULTS_DESELECTED := $(addprefix --ignore tests/reliability/,test_fault_sweep.py test_slow_disk.py)
# A sanitizer's own memory does not fit into the limit.
LIMITS_DESELECTED := --deselect tests/reliability/test_limits.py::test_large_frames_are_recorded_within_a_memory_limit
# What happens there happens in other packages, with threads and processes of their own.
OTHERS_DESELECTED := $(addprefix --ignore tests/,trackers integrations/test_sb3.py package/test_examples.py)
# AddressSanitizer keeps memory that was freed, to find who uses it: it cannot be flat.
ASAN_DESELECTED := $(FORKS_DESELECTED) $(FAULTS_DESELECTED) $(LIMITS_DESELECTED) $(OTHERS_DESELECTED) \
    --deselect tests/reliability/test_soak.py::test_recordings_leave_nothing_behind
# Ten times slower, an encoder does not keep up with 30 frames a second, and what waits for it is lost with the process.
TSAN_DESELECTED := $(FORKS_DESELECTED) $(FAULTS_DESELECTED) $(LIMITS_DESELECTED) $(OTHERS_DESELECTED) \
    --ignore tests/reliability/test_kill_sweep.py

# $(1): the build folder; $(2): the sanitizers. The module comes to lie in a copy of the package, and an environment
# without packages of its own looks there first and then in $(VENV), whose editable install it does not see.
define build_sanitized
echo "==> Build with sanitizers: $(2) (some minutes the first time)"; \
mkdir -p $(1) && \
$(VENV)/bin/cmake -S . -B $(1) -G Ninja -DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(VENV)/bin/ninja" \
    -DCMAKE_CXX_COMPILER="$(CXX)" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGYMREEL_DEVELOPMENT=ON \
    -DGYMREEL_SANITIZE="$(2)" -DPython_EXECUTABLE="$(CURDIR)/$(PY)" \
    -Dpybind11_DIR="$$($(PY) -m pybind11 --cmakedir)" >$(1)/configure.log || { cat $(1)/configure.log; exit 1; }; \
$(VENV)/bin/cmake --build $(1) >$(1)/build.log || { cat $(1)/build.log; exit 1; }; \
rm -rf $(1)/package && mkdir -p $(1)/package && cp -R src/gymreel $(1)/package/ && \
cp $(1)/_core*.so $(1)/package/gymreel/ && \
$(PY) -m venv --without-pip --clear $(1)/venv && \
$(1)/venv/bin/python -c 'import sys, sysconfig; \
    open(sysconfig.get_path("purelib") + "/gymreel.pth", "w").write("\n".join(sys.argv[1:]))' \
    $(CURDIR)/$(1)/package "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
endef

# The runtimes of older compilers do not know how far recent kernels spread a program's addresses.
FIXED_ADDRESSES := setarch "$$(uname -m)" -R

# $(1): the build folder; $(2): what to run it with; $(3): what to leave out.
run_sanitized_cpp = $(FIXED_ADDRESSES) $(2) $(1)/gymreel_core_tests $(3)

# $(1): the build folder; $(2): what to leave out. Reports go to files, as the tests capture and compare what is printed,
# and one report, in whichever process, is a failure.
define run_sanitized_python
rm -rf $(1)/reports && mkdir -p $(1)/reports && \
runtimes="$$(ldd $(1)/_core*.so | sed -n 's/.* => \(.*\/lib\(asan\|tsan\|ubsan\|stdc++\)\.so[^ ]*\) .*/\1/p')"; \
$(FIXED_ADDRESSES) env LD_PRELOAD="$$(echo $$runtimes)" \
    $(1)/venv/bin/python -m pytest -p no:cacheprovider -o timeout=900 $(2) $(SANITIZER_PYTEST); \
outcome=$$?; \
for report in $(1)/reports/*; do [ ! -e "$$report" ] || { echo "==> $$report"; cat "$$report"; outcome=1; }; done; \
exit $$outcome
endef
