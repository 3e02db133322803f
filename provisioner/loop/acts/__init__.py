"""Doing what a pass has decided: each act looks at its target once more, just before."""
