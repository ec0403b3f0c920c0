"""What both clients stand on. Private: nothing here is part of the public API."""
