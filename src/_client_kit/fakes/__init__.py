"""What the two fake services have in common."""
