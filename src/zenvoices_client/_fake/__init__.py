"""The fake of Zenvoices that ``zenvoices_client.testing`` shows."""
