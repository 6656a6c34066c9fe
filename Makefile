# Two commands set up a bare machine: `make demo` runs the main job, `make test` passes every gate.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := demo

.PHONY: demo test check lint types layers dependencies unit docs format models benchmarks clean

demo: $(VENV)/installed
	$(BIN)/granular-lm compare --output $(DEMO)

test: $(VENV)/installed-dev
	$(MAKE) check

check: lint types layers dependencies unit docs

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports --no-cache

dependencies:
	$(BIN)/deptry src

unit:
	$(BIN)/python -m pytest

docs:
	$(BIN)/zensical build --strict --clean

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The bundled models, from the embedded corpus alone; about twenty minutes on two cores.
MODELS := build/models
BIOS := build/bios
RECIPE := --valid $(BIOS)/valid.jsonl --test $(BIOS)/test.jsonl --max-bytes 30M --embedding-dim 48
models: $(VENV)/installed
	rm -rf $(BIOS) $(BIOS).txt $(MODELS)
	$(BIN)/granular-lm data bios --output $(BIOS).txt
	$(BIN)/granular-lm data split $(BIOS).txt --output $(BIOS)
	$(BIN)/granular-lm train $(BIOS)/train.jsonl $(RECIPE) --codec byte --hidden-size 288 --output $(MODELS)/bios-byte
	$(BIN)/granular-lm train $(BIOS)/train.jsonl $(RECIPE) --codec char --hidden-size 160 --output $(MODELS)/bios-char
	$(BIN)/granular-lm train $(BIOS)/train.jsonl $(RECIPE) --codec spm --hidden-size 208 --output $(MODELS)/bios-spm
	rm -f $(MODELS)/*/metrics.jsonl $(MODELS)/*/learning-curve.svg $(MODELS)/*/documents.bin
	rm -rf src/granular_lm/pretrained
	mv $(MODELS) src/granular_lm/pretrained

benchmarks: $(VENV)/installed-dev
	$(BIN)/python benchmarks/codec_speed.py
	$(BIN)/python benchmarks/startup.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

# torch comes first and pinned: without the pin pip would fetch gigabytes of CUDA packages.
$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable . --group dev
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) build dist site
