"""Decisions of converge and of a launch. Pure."""
