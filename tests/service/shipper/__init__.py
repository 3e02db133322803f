"""ship-reports, as a process."""
