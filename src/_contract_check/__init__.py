"""A contract held against a vendor's own OpenAPI file. Only the command of that name uses it."""
