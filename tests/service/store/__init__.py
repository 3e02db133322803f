"""What is written to Redis, and read back."""
