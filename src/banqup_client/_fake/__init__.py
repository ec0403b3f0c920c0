"""The fake of Banqup that ``banqup_client.testing`` shows."""
