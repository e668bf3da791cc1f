# Recordings in, a verified INT8 .tflite and a report out. `make` alone runs the whole line on the embedded data set.
#
#   TAU    folder with meta.csv (default: the embedded data set, made on demand)   DATA    the prepared .h5
#   RUNS   where runs are written (default: runs)                                  RECIPE  of the one stage being made
#   ARGS   more flags for the one stage being made                                 PYTHON  interpreter of the environment
#   QUANTIZED    what is exported: qat, made with training (default), or ptq, made without (`make ptq`)
#   TARGET       of bench: an emulated board (pi4, ...: bench/boards/targets) or ssh:user@host; default: this machine
#   REPLACE=yes  make a stage anew though it was made with a variable that is not given now

RUNS ?= runs
DATA ?= $(RUNS)/data.h5
TAU ?= $(RUNS)/scenes
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

TEACHER_RECIPE = train/recipes/demo/teacher.yaml
STUDENT_RECIPE = train/recipes/demo/student.yaml
QAT_RECIPE = compress/recipes/qat_demo.yaml
PTQ_RECIPE = compress/recipes/ptq.yaml
QUANTIZED ?= qat

# What these two ask for would replace torch by another one.
NO_DEPENDENCIES := torchaudio hear21passt

PY := .venv/bin/python
READY := .venv/.ready
EMBEDDED := $(filter $(RUNS)/scenes,$(TAU))
LINE := data teacher student qat export bench
STAGES := $(LINE) ptq
override RUNS := $(patsubst %/,%,$(RUNS))
GOALS := $(or $(MAKECMDGOALS),demo)
# The stages of this call. Only they are made: a stage never starts hours of work on another one behind your back,
# it says which command makes what it lacks.
ACTIVE := $(if $(filter demo,$(GOALS)),$(LINE),$(filter $(STAGES),$(GOALS)))

ifdef RECIPE
ifneq ($(words $(filter teacher student qat ptq,$(ACTIVE))),1)
$(error RECIPE is the recipe of one stage: make teacher, student, qat or ptq with it)
endif
$(if $(filter teacher,$(ACTIVE)),$(eval TEACHER_RECIPE = $(RECIPE)))
$(if $(filter student,$(ACTIVE)),$(eval STUDENT_RECIPE = $(RECIPE)))
$(if $(filter qat,$(ACTIVE)),$(eval QAT_RECIPE = $(RECIPE)))
$(if $(filter ptq,$(ACTIVE)),$(eval PTQ_RECIPE = $(RECIPE)))
endif
# On a target the judge runs whenever it is asked to: a device is not a file that could be up to date.
ifdef TARGET
$(if $(filter bench,$(ACTIVE)),,$(if $(filter command,$(firstword $(origin TARGET))),$(error TARGET is where bench measures: make bench with it)))
BENCHED := bench
endif
ifdef ARGS
ifneq ($(filter-out 0 1,$(words $(ACTIVE))),)
$(error ARGS are flags of one stage: make one stage with them)
endif
endif

.PHONY: demo setup test test-fast perf crosscheck referee environments emulator lint $(STAGES) FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: $(LINE) ## the whole line on the embedded data set
	@echo "open $(RUNS)/bench/report.html"

# What each stage writes, and what it reads.
data_OUT = $(DATA)
teacher_OUT = $(RUNS)/teacher/model_card.json
student_OUT = $(RUNS)/student/model_card.json
qat_OUT = $(RUNS)/qat/model_card.json
ptq_OUT = $(RUNS)/ptq/model_card.json
export_OUT = $(RUNS)/export/model_card.json
bench_OUT = $(RUNS)/bench/report.json

data_IN = $(if $(EMBEDDED),$(TAU)/meta.csv,$(wildcard $(TAU)/meta.csv $(TAU)/evaluation_setup/*.csv))
teacher_IN = $(call made,data) $(TEACHER_RECIPE)
student_IN = $(call made,data) $(call made,teacher) $(STUDENT_RECIPE)
qat_IN = $(call made,data) $(call made,teacher) $(call made,student) $(QAT_RECIPE)
ptq_IN = $(call made,data) $(call made,student) $(PTQ_RECIPE)
export_IN = $(call made,$(QUANTIZED))
bench_IN = $(call made,data) $(call made,export)

data_RUN = tinyasc.prepare --root '$(TAU)' --out $(DATA)
teacher_RUN = train.teacher --config $(TEACHER_RECIPE) --data $(DATA) --out $(RUNS)/teacher
student_RUN = train.student --config $(STUDENT_RECIPE) --data $(DATA) --teacher $(RUNS)/teacher --out $(RUNS)/student
qat_RUN = compress.qat --config $(QAT_RECIPE) --model $(RUNS)/student --data $(DATA) --teacher $(RUNS)/teacher --out $(RUNS)/qat
ptq_RUN = compress.ptq --config $(PTQ_RECIPE) --model $(RUNS)/student --data $(DATA) --out $(RUNS)/ptq
export_RUN = export --model $(RUNS)/$(QUANTIZED) --out $(RUNS)/export
bench_RUN = bench --model $(RUNS)/export --data $(DATA) --out $(RUNS)/bench

# An input that this call makes, or that is there; one that is neither is left to the stage, which says what makes it.
made = $(if $(filter $1,$(ACTIVE)),$($1_OUT),$(wildcard $($1_OUT)))

# $(RUNS)/.STAGE.flags holds the command that made a stage and the variables that were given for it. Another command makes
# the stage again, but never because a variable was left out this time: a run of your own is not replaced by the demo's.
# While a stage is being made, .STAGE.flags.old holds the command of the run that is still there.
quoted = '$(subst ','\'',$1)'
given = $(foreach name,RECIPE ARGS TAU DATA QUANTIZED,$(if $(filter command environment,$(firstword $(origin $(name)))),$(name)))
define STAGE_RULE
$1: $$($1_OUT)
	@echo '$$($1_OUT) is up to date'
$$($1_OUT): $$(RUNS)/.$1.flags $$($1_IN) | $$(READY)
	$$(PY) -m $$($1_RUN) $$(ARGS) || { mv $$(RUNS)/.$1.flags.old $$(RUNS)/.$1.flags 2>&- || rm $$(RUNS)/.$1.flags; exit 1; }
	@rm -f $$(RUNS)/.$1.flags.old
$$(RUNS)/.$1.flags: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' $$(call quoted,$$($1_RUN) $$(ARGS)) '$$(given)' > $$@.new
	@if test -e $$@.old && test "$$$$(head -n 1 $$@)" != "$$$$(head -n 1 $$@.new)"; then mv $$@.old $$@; fi
	@if test -e $$($1_OUT) -a -e $$@ && test "$$$$(head -n 1 $$@)" = "$$$$(head -n 1 $$@.new)"; then rm $$@.new; exit 0; fi; \
	for name in $$$$(test -e $$($1_OUT) -a -e $$@ && test '$$(REPLACE)' != yes && tail -n 1 $$@); do \
		case ' $$(given) ' in *" $$$$name "*) ;; *) \
			printf '%s\n' "make: $$($1_OUT) was made with $$$$name, which is not given now:" "  $$$$(head -n 1 $$@)" \
				"Give it again, another RUNS, or REPLACE=yes to make it anew without." >&2; rm $$@.new; exit 1 ;; \
		esac; \
	done; \
	if test -e $$@; then mv $$@ $$@.old; fi; mv $$@.new $$@
endef
$(foreach stage,$(filter-out $(BENCHED),$(ACTIVE)),$(eval $(call STAGE_RULE,$(stage))))

ifdef TARGET
bench: $(bench_IN) | $(READY)
	$(PY) -m $(bench_RUN) --target '$(TARGET)' $(ARGS)
endif

ifneq ($(EMBEDDED),)
$(RUNS)/scenes/meta.csv: | $(READY)
	$(PY) -m tinyasc.scenes --out $(RUNS)/scenes
endif

setup: $(READY) ## the environment in .venv
$(READY): pyproject.toml constraints.txt Makefile
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later found: make setup PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install -q -c constraints.txt torch
	$(PY) -m pip install -q -c constraints.txt -e '.[data,workshop,bench,develop]'
	$(PY) -m pip install -q -c constraints.txt --no-deps $(NO_DEPENDENCIES)
	@touch $@

test: $(READY) ## all tests, on all cores
	$(PY) -m pytest -n logical $(ARGS)

test-fast: $(READY) ## what one runs between edits: no slow tests
	$(PY) -m pytest -n logical -m 'not slow' $(ARGS)

perf: $(READY) ## speed and memory, side by side with the field's usual way
	$(PY) -m pip install -q -c constraints.txt -e '.[perf]'
	$(PY) -m tests.perf

crosscheck: $(READY) ## independent referees judge the exported run: TensorFlow, litert-torch, MediaPipe, tflite-runtime, TFLM
	$(PY) -m tests.crosscheck --model $(RUNS)/export --environments .venv-referees $(ARGS)

referee: $(READY) ## TensorFlow's converter judges two tiny networks, without and with response norm; 2 GB of packages
	@folder=$$(mktemp -d) && trap 'rm -r "$$folder"' EXIT && for normed in false true; do \
		$(PY) -m tests.crosscheck.tiny --out "$$folder/$$normed" --normed $$normed && $(PY) -m tests.crosscheck \
			--model "$$folder/$$normed" --referees '[tensorflow_twin]' --required true || exit 1; \
	done

environments: $(READY) ## tflite-runtime and tflite-micro beside, for what bench can measure with them
	$(PY) -m bench.environments

emulator: $(READY) ## the emulated Raspberry Pi of `make bench TARGET=pi4`, ahead of time; 340 MB
	$(PY) -m bench.boards.emulate.prepare

lint: $(READY) ## ruff, pyright, import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports
