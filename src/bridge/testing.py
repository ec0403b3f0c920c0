"""What applications need to test their own parts: rules for a store of one's own."""

from bridge._conformance import OpenStore, checkpoint_conformance

__all__ = ["OpenStore", "checkpoint_conformance"]
