"""Values that all parts of one run share."""

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
    """Values that all parts of one run share.

    Attributes:
        session: The connection's checkpoint, under the lease.
        recorder: Records deliveries in the checkpoint, in the report and for listeners.
        banqup: The client that reads the space.
        zenvoices: The client that uploads to the company.
        space_id: The space's id.
        resolve_company_id: Asks Zenvoices for the company's present number. Its argument is the
            list of the numbers that the company had so far, the newest last.
        mapper: Makes the upload of a document.
        exportable: The rule that decides which documents may be exported.
        clock: Returns epoch seconds; waiting documents become due by it.
        options: The arguments of export_new() and the options of the connection.
        wire: A digest of the contract of Banqup's client.
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
        """Return the builder of the run's report."""
        return self.recorder.builder
