"""The parts of ``enc.explain``: where a machine comes from, what it gets, what becomes of it."""
