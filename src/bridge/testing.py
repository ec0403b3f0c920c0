"""What applications need to test their own parts: a mapper, a store, invented invoices."""

from bridge._conformance import OpenStore, checkpoint_conformance
from bridge._samples import Sample, SampleParty, sample
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
    "Sample",
    "SampleParty",
    "Trial",
    "TrialDocument",
    "Trials",
    "checkpoint_conformance",
    "sample",
    "sample_documents",
    "trial_document",
    "try_async_mapper",
    "try_mapper",
]
