"""Sample invoices."""
