"""One launch: from the intent to machines that are ready, and the undoing of it."""
