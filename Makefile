# Every target needs Python 3.11, pip and this Makefile: nothing else.
PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
# The family of the toolboxes: onedl, the maintained distributions, or classic, OpenMMLab's
# own. They cannot share an environment, so each has its own (.venv, .venv-classic).
FAMILY ?= onedl
SUFFIX := $(addprefix -,$(filter-out onedl,$(FAMILY)))
VENV ?= .venv
ENVIRONMENT := $(VENV)$(SUFFIX)
REQUIREMENTS := requirements$(SUFFIX).txt
BIN := $(ENVIRONMENT)/bin
READY := $(ENVIRONMENT)/.ready
DEMO_CONFIG := configs/upernet_gmf_b_ade20k.py
DEMO_DIR := work_dirs/make_demo
# Test processes: one per core, and few enough for the memory of a small machine, since
# each takes up to 4 GB.
JOBS ?= auto
PARALLEL := -n $(JOBS) --maxprocesses 4 --dist worksteal

.PHONY: demo test test-detection smoke lint format clean

demo: $(READY)
	$(BIN)/python tools/train.py $(DEMO_CONFIG) --demo --work-dir $(DEMO_DIR) --overwrite

test: $(READY)
	$(BIN)/python -m pytest tests $(PARALLEL)

# Selected by name: the detectors, and what mmdet needs of mmgroupmix.compat.
test-detection: $(READY)
	$(BIN)/python -m pytest tests $(PARALLEL) -k 'compat or coco or det or rcnn or retinanet'

smoke: $(READY)
	$(BIN)/python -m pytest tests $(PARALLEL) -m smoke

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The environment is made once, and updated when the pinned versions or the package's
# metadata change.
$(READY): $(REQUIREMENTS) requirements-common.txt pyproject.toml setup.py
	$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), \
	"the pinned versions are for Python 3.11, this is " + sys.version.split()[0] + \
	": name another one as make PYTHON=/path/to/python3.11"'
	$(PYTHON) -m venv $(ENVIRONMENT)
	$(BIN)/pip install --no-deps -r $(REQUIREMENTS)
	$(BIN)/pip install --no-deps --no-build-isolation -e .
	touch $(READY)

clean:
	rm -rf $(ENVIRONMENT) $(DEMO_DIR)
