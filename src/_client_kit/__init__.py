"""Code shared by both clients. Private: nothing here is part of the public API."""
