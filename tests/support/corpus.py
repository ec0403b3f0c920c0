"""Real e-invoices kept beside the project, where somebody has put them: read, never copied."""

from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"

# Bad on purpose: empty, truncated, a bitmap, an undeclared prefix, a late XML declaration.
MALFORMED = frozenset(
    [
        "Broken.xml",
        "SI-UBL-INV-1.2-error-CODE-R002.xml",
        "bin001.xml",
        "ubl007.xml",
        "ublinvoice-invlidID.xml",
    ]
)

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of real invoices is not beside the project"
)


def corpus_files(*suffixes: str) -> list[Path]:
    """Return every file that is an invoice, or has one of `suffixes`, in a fixed order."""
    wanted = suffixes or (".xml", ".pdf")
    if not CORPUS.is_dir():
        return []
    return sorted(path for path in CORPUS.rglob("*") if path.suffix.lower() in wanted)
