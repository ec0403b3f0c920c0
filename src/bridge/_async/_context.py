"""Values that all parts of one run share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from attrs import frozen

from _client_kit._clock import Deadline
from banqup_client import AsyncBanqupClient
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery.eligibility import Exportable
from bridge._mapping.mapper import AsyncMapper
from bridge._reports.events import Listener
from zenvoices_client import AsyncZenvoicesClient


@frozen(kw_only=True)
class AsyncRunContext:
    """Values that all parts of one run share.

    Attributes:
        session: The connection's checkpoint, under the lease.
        banqup: The client that reads the space.
        zenvoices: The client that uploads to the company.
        space_id: The space's id.
        company_code: The company's code in Zenvoices.
        resolve_company_id: Asks Zenvoices for the company's present number. Its argument is the
            list of the numbers that the company had so far, the newest last.
        mapper: Makes the upload of a document.
        exportable: The rule that decides which documents may be exported.
        listeners: Functions that are called with each event of the run.
        clock: Returns epoch seconds; waiting documents become due by it.
        in_flight: How many documents are downloaded and sent at the same time.
        on_uncertain: Whether to hold or to resend a document about which look-ups cannot decide.
        dry_run: Whether to report only what would be done.
        limit: The most documents to send; None for all.
        deadline: When no further document is begun.
        look_first: Whether to look each document up before it is sent.
    """

    session: AsyncCheckpointSession
    banqup: AsyncBanqupClient
    zenvoices: AsyncZenvoicesClient
    space_id: str
    company_code: str
    resolve_company_id: Callable[[Sequence[int]], Awaitable[int]]
    mapper: AsyncMapper
    exportable: Exportable
    listeners: Sequence[Listener]
    clock: Callable[[], float]
    in_flight: int
    on_uncertain: Literal["hold", "resend"]
    dry_run: bool
    limit: int | None
    deadline: Deadline
    look_first: bool
