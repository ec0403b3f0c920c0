"""Compare a client's ``contract.json``, and an export's needs, with the vendor's OpenAPI file."""
