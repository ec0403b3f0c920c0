"""Results for people: reports, checks and events, as values, text and HTML."""
