"""Programs of ours as processes, and what is random or fuzzed."""
