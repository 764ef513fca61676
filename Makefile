# The commands that README names. Everything runs from a virtual environment made here from a hashed lock.
PYTHON ?= python3
VENV   ?= .venv

.PHONY: run test lint format lock messages clean
run: $(VENV)/run.stamp
	@exec $(VENV)/bin/python -m config.launch
