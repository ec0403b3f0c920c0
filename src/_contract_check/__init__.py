"""Compare a contract with a vendor's OpenAPI file, or with live answers (``verify(deep=True)``)."""
