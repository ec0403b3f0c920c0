"""The fake of Banqup; ``banqup_client.testing`` is its public module."""
