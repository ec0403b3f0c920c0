"""Rules about documents and their deliveries: pure functions and values, no I/O."""
