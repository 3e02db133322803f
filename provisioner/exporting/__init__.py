"""Files for programs that cannot ask: written from the inventory, never from half of it."""
