"""What keeps fleets as roles.yaml says: observe, decide, look again, act; then again."""
