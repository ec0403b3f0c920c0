"""Compare a contract with a vendor's OpenAPI file, and name the facts that an export needs."""
