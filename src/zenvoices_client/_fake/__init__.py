"""The fake of Zenvoices; ``zenvoices_client.testing`` is its public module."""
