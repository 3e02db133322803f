"""How easy the house is to live in: measured, printed by `make house`, and drawn."""
