"""What acts: machines are launched, followed, replaced and ended."""
