"""Where a connection remembers what was done."""
