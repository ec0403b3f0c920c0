"""Checkpoint stores: the protocol and its implementations."""
