"""What one run of an export works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import frozen

from banqup_client import AsyncBanqupClient
from bridge._async._recorder import AsyncRunRecorder
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery.eligibility import Exportable
from bridge._delivery.outcome import RunOptions
from bridge._mapping.mapper import AsyncMapper
from bridge._reports.builder import ReportBuilder
from zenvoices_client import AsyncZenvoicesClient

__all__ = ["AsyncRunContext"]


@frozen(kw_only=True)
class AsyncRunContext:
    """The values that all parts of one run share.

    Attributes:
        session: The connection's checkpoint, held under the lease.
        recorder: Writes deliveries, and tells listeners what is durable.
        banqup: Reads the space.
        zenvoices: Writes to the company.
        space_id: The space.
        resolve_company_id: Asks for the company's number, given the numbers it had so far.
        mapper: Makes the upload of a document.
        exportable: Says which documents may be exported.
        clock: Seconds, by which waiting documents become due.
        options: What the caller asked for.
        wire: A digest of the clients' contracts.
    """

    session: AsyncCheckpointSession
    recorder: AsyncRunRecorder
    banqup: AsyncBanqupClient
    zenvoices: AsyncZenvoicesClient
    space_id: str
    resolve_company_id: Callable[[Sequence[int]], Awaitable[int]]
    mapper: AsyncMapper
    exportable: Exportable
    clock: Callable[[], float]
    options: RunOptions
    wire: str

    @property
    def report(self) -> ReportBuilder:
        """The report so far."""
        return self.recorder.builder
