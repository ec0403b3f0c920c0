"""Tools to test an application's own mappers and stores, with sample invoices."""

from bridge.testing._mapper_trials import (
    Trial,
    TrialDocument,
    Trials,
    sample_documents,
    trial_document,
    try_mapper,
)
from bridge.testing._samples.parties import SampleParty
from bridge.testing._samples.sample import Sample, sample
from bridge.testing._store_rules import OpenStore, checkpoint_conformance

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
    "try_mapper",
]
