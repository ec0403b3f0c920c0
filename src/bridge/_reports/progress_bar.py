"""A progress bar for a run, in a terminal or a notebook (extra ``progress``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

from bridge._reports.events import (
    DocumentFailed,
    DocumentFound,
    DocumentSent,
    DocumentSettled,
    DocumentSkipped,
    DocumentUncertain,
    DocumentWaiting,
    Event,
    RunEnded,
    RunStarted,
)

__all__ = ["ProgressBar"]


class _Bar(Protocol):
    """What is used of tqdm."""

    n: int
    total: int | None

    def update(self, n: int, /) -> object: ...
    def set_postfix(self, values: Mapping[str, object], /, *, refresh: bool) -> object: ...
    def refresh(self) -> object: ...
    def close(self) -> object: ...


_WORDS: dict[type[Any], str] = {
    DocumentSent: "sent",
    DocumentSettled: "settled",
    DocumentWaiting: "waiting",
    DocumentSkipped: "skipped",
    DocumentFailed: "failed",
    DocumentUncertain: "uncertain",
}


class ProgressBar:
    """A listener that shows how a run gets on::

        connection = Connection(..., listeners=[ProgressBar()])

    How many documents there are is not known before all of them were listed, so the bar counts, and
    is full at the end. It shows nothing where standard error is a file or a pipe. Give each
    connection that runs at the same time as others one of its own.

    Args:
        options: Options of tqdm, such as ``desc="Café De Sluis"`` or ``leave=False``.

    Raises:
        ImportError: tqdm is not installed; the message says how to.
    """

    def __init__(self, **options: Any) -> None:
        try:
            module = import_module("tqdm.auto")
        except ImportError:
            message = "ProgressBar needs tqdm: pip install 'banqup-zenvoices[progress]'"
            raise ImportError(message) from None
        self._make: Callable[..., _Bar] = module.tqdm
        self._options: dict[str, Any] = {
            "unit": " documents",
            "disable": None,  # tqdm's word for: shown to people, not written into a file
            "dynamic_ncols": True,
            **options,
        }
        self._bar: _Bar | None = None
        self._open: set[str] = set()
        self._counts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case RunStarted():
                self.close()
                company = {"desc": f"export to {event.company_code}", **self._options}
                self._bar = self._make(**company)
            case DocumentFound():
                self._open.add(event.document_id)
            case RunEnded():
                self.close()
            case _:
                self._count(event.delivery.document_id, _WORDS[type(event)])

    def _count(self, document_id: str, word: str) -> None:
        if self._bar is None:
            return
        if word == "settled" or document_id in self._open:
            self._counts[word] += 1
            self._bar.set_postfix(self._counts, refresh=False)
        if document_id in self._open:
            self._open.remove(document_id)
            self._bar.update(1)

    def close(self) -> None:
        """End the bar, also that of a run that was interrupted."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.total = bar.n or None
            bar.refresh()
            bar.close()
        self._open.clear()
        self._counts.clear()
