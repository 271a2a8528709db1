# `make demo` and `make test` need Python 3.11, pip and this Makefile: nothing else.
PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
# Whose toolboxes: onedl, the maintained ones, or classic, OpenMMLab's own. Each family has
# an environment of its own (.venv, .venv-classic): they cannot share one.
FAMILY ?= onedl
SUFFIX := $(addprefix -,$(filter-out onedl,$(FAMILY)))
VENV ?= .venv
ENVIRONMENT := $(VENV)$(SUFFIX)
REQUIREMENTS := requirements$(SUFFIX).txt
BIN := $(ENVIRONMENT)/bin
READY := $(ENVIRONMENT)/.ready
DEMO_CONFIG := configs/upernet_gmf_b_ade20k.py
DEMO_DIR := work_dirs/make_demo

# Waiting threads soon sleep instead of spinning: much faster on a busy machine.
export GOMP_SPINCOUNT ?= 1000

.PHONY: demo test test-detection smoke clean

demo: $(READY)
	$(BIN)/python tools/train.py $(DEMO_CONFIG) --demo --work-dir $(DEMO_DIR) --overwrite

test: $(READY)
	$(BIN)/python -m pytest tests

# By name: the detectors, and what mmdet needs of mmgroupmix.compat.
test-detection: $(READY)
	$(BIN)/python -m pytest tests -k 'compat or coco or det or rcnn or retinanet'

smoke: $(READY)
	$(BIN)/python -m pytest tests -m smoke

# The environment: made once, and again when the pinned versions change.
$(READY): $(REQUIREMENTS) requirements-common.txt setup.py
	$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), \
	"the pinned versions are for Python 3.11, this is " + sys.version.split()[0] + \
	": give another one as make PYTHON=/path/to/python3.11"'
	$(PYTHON) -m venv $(ENVIRONMENT)
	$(BIN)/pip install --no-deps -r $(REQUIREMENTS)
	$(BIN)/pip install --no-deps --no-build-isolation -e .
	touch $(READY)

clean:
	rm -rf $(ENVIRONMENT) $(DEMO_DIR)
