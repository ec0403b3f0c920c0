"""Values that the public methods of a connection, and all parts of a run, share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from attrs import field, frozen

from _client_kit._clock import Deadline
from banqup_client import AsyncBanqupClient
from bridge._async._prerequisites import AsyncChecks
from bridge._delivery.eligibility import Exportable
from bridge._mapping.mapper import AsyncMapper
from bridge._reports.events import Listener
from zenvoices_client import AsyncZenvoicesClient


@frozen(kw_only=True)
class AsyncContext:
    """The parts and settings of a connection, and the options of one run.

    Attributes:
        banqup: The client that reads the space.
        zenvoices: The client that uploads to the company.
        space_id: The space's id.
        company_code: The company's code in Zenvoices.
        checks: The checks of the prerequisites; they know the company's present number.
        mapper: Makes the upload of a document.
        exportable: The rule that decides which documents may be exported.
        listeners: Functions that are called with each event of the run.
        clock: Returns epoch seconds; waiting documents become due by it.
        in_flight: How many documents, at most, are downloaded and sent at the same time.
        on_uncertain: Whether to hold or to resend a document if look-ups cannot tell whether it
            arrived.
        dry_run: Whether to report only what would be done.
        limit: The most documents to begin in this run; None for all.
        deadline: The time from which no further document is begun; uploads are still completed.
        look_first: Whether to look each document up before it is sent.
    """

    banqup: AsyncBanqupClient
    zenvoices: AsyncZenvoicesClient
    space_id: str
    company_code: str
    checks: AsyncChecks
    mapper: AsyncMapper
    exportable: Exportable
    listeners: Sequence[Listener]
    clock: Callable[[], float]
    in_flight: int
    on_uncertain: Literal["hold", "resend"]
    dry_run: bool = False
    limit: int | None = None
    deadline: Deadline = field(factory=Deadline)
    look_first: bool = False
