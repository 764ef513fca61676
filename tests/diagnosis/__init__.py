"""The corpus of broken set-ups, and what the panel has to say to each: see `model.py`."""
