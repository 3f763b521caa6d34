"""What the drivers do when something on the wire goes wrong: one row for each fault, run by one command."""
