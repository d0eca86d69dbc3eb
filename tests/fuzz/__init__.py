"""Fuzzing of everything that reads what strangers write. `python -m tests.fuzz --seconds 60` runs it; `test_fuzz.py` a little of it."""
