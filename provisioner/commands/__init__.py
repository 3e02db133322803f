"""What people do to nodes and to a store: adopt, assign, hold, rotate."""
