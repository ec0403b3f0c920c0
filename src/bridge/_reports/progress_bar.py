"""A progress bar for a run, in a terminal or a notebook (extra ``progress``)."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from typing import Any

from bridge._reports.delivery_rows import DeliveryRow
from bridge._reports.events import DocumentFound, Event, RunEnded, RunStarted
from bridge._reports.texts import tell


class ProgressBar:
    """A listener that shows the progress of a run::

        connection = Connection(..., listeners=[ProgressBar()])

    The number of documents is unknown until all of them are listed. So the bar has no total during
    the run, and is full at the end. It shows nothing if standard error is a file or a pipe.
    Connections that run at the same time need a bar each. The text of a bar is in the language of
    :func:`set_language`.

    Args:
        options: Options of tqdm, such as ``desc="Café De Sluis"`` or ``leave=False``.

    Raises:
        ImportError: tqdm is not installed; the message says how to install it.
    """

    def __init__(self, **options: Any) -> None:
        try:
            module = import_module("tqdm.auto")
        except ImportError:
            message = "ProgressBar needs tqdm: pip install 'banqup-zenvoices[progress]'"
            raise ImportError(message) from None
        self._make = module.tqdm
        self._options: dict[str, Any] = {
            "unit": f" {tell('documents')}",
            "disable": None,  # tqdm then shows nothing if the stream is no terminal
            "dynamic_ncols": True,
            **options,
        }
        self._bar: Any = None
        self._open: set[str] = set()
        self._counts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Start or close the bar, or count the document of the event."""
        match event:
            case RunStarted():
                self.close()
                self._bar = self._make(**{"desc": event.company_code, **self._options})
            case DocumentFound():
                self._open.add(event.document_id)
            case RunEnded():
                self.close()
            case _:
                self._count(event.delivery)

    def _count(self, row: DeliveryRow) -> None:
        if self._bar is not None and row.document_id in self._open:
            self._open.remove(row.document_id)
            self._counts[tell(row.state)] += 1
            self._bar.set_postfix(self._counts, refresh=False)
            self._bar.update(1)

    def close(self) -> None:
        """Close the bar. The end of a run does this; call it after a run that was interrupted."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.total = bar.n or None
            bar.refresh()
            bar.close()
        self._open.clear()
        self._counts.clear()
