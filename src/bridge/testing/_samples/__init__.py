"""Sample invoices for tests and the demo."""
