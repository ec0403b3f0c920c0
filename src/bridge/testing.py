"""What applications need to test their own parts: a mapper, or a store of one's own."""

from bridge._conformance import OpenStore, checkpoint_conformance
from bridge._try_mapper import (
    Trial,
    TrialDocument,
    Trials,
    sample_documents,
    trial_document,
    try_async_mapper,
    try_mapper,
)

__all__ = [
    "OpenStore",
    "Trial",
    "TrialDocument",
    "Trials",
    "checkpoint_conformance",
    "sample_documents",
    "trial_document",
    "try_async_mapper",
    "try_mapper",
]
