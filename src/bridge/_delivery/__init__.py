"""The rules: what may happen to a document, without I/O."""
