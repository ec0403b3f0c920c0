"""Connection: the public methods for one space and its company."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal, Never, Self

from attrs import evolve

from _client_kit import _runtime_async as runtime
from _client_kit._address import origin_of
from _client_kit._arguments import (
    check_clock,
    check_function,
    check_instance,
    check_seconds,
    check_word,
)
from _client_kit._clock import Deadline
from _client_kit._errors import ConfigurationError, ServiceError
from _client_kit._secret import refuse_pickling
from _client_kit._text import Text, joined
from banqup_client import AsyncBanqupClient
from bridge._async._context import AsyncContext
from bridge._async._prerequisites import AsyncChecks
from bridge._async._run import AsyncRun
from bridge._async._session import AsyncCheckpointSession
from bridge._delivery import arguments
from bridge._delivery.eligibility import Exportable, default_exportable
from bridge._delivery.ids import canonical_id, company_code_of, space_id_of
from bridge._errors import (
    ACTIVATE,
    ACTIVATE_AGAIN,
    IN_MEMORY,
    OTHER_STORE,
    NotActivatedError,
    configuration_error,
    setting_error,
)
from bridge._mapping.mapper import AsyncMapper, default_mapper
from bridge._reports.delivery_rows import DeliveryRow, delivery_row
from bridge._reports.events import Listener
from bridge._reports.report import Activation, Confirmation, ExportReport, Request, Status
from bridge._reports.texts import Lang, check_lang, language
from bridge._stores.protocol import CheckpointStore, is_in_memory, name_of_store
from zenvoices_client import AsyncZenvoicesClient, InboxUpload

if TYPE_CHECKING:
    from bridge._reports.verification import Verification

# Some methods import modules in their body, because an export does not need these modules. A
# process that only exports then starts faster.


class AsyncConnection:
    """One Banqup space, and the Zenvoices company to which it is exported.

    Creating a connection makes no call. The application decides when to call export_new(). The
    store holds all state between runs, so any process with the same store can make the next run.

    Args:
        banqup: The client that reads the space. Connections may share it.
        zenvoices: The client that uploads to the company. Connections may share it.
        space_id: The id of the space in Banqup.
        company_code: The company's code in Zenvoices, a string: ``"0042"`` is not ``42``.
        checkpoints: The store for the state of the connection.
        mapper: Makes the upload of a document; see :data:`Mapper`. The default is
            :func:`default_mapper`.
        listeners: Functions that are called with each event of a run, one at a time.
        in_flight: How many documents, at most, are downloaded and sent at the same time.
        on_uncertain: What to do with a document if look-ups cannot tell whether it arrived:
            ``"hold"`` it until a later look-up or settle() decides, or ``"resend"`` it (up to five
            attempts), which may duplicate it.
        exportable: Decides which documents may be exported. The default is
            :func:`default_exportable`.
        clock: Returns epoch seconds; waiting documents become due by it.
        lease_ttl: Seconds after which another worker may take over from a run that was killed. The
            least value is twice the deadline of the Zenvoices client.

    Raises:
        ConfigurationError: An argument is not usable; the message names it and the reason.
    """

    def __init__(
        self,
        banqup: AsyncBanqupClient,
        zenvoices: AsyncZenvoicesClient,
        *,
        space_id: str,
        company_code: str,
        checkpoints: CheckpointStore,
        mapper: AsyncMapper | None = None,
        listeners: Sequence[Listener] = (),
        in_flight: int = 4,
        on_uncertain: Literal["hold", "resend"] = "hold",
        exportable: Exportable | None = None,
        clock: Callable[[], float] = time.time,
        lease_ttl: float = 600.0,
    ) -> None:
        self.space_id: str = space_id_of(space_id)
        self.company_code: str = company_code_of(company_code)
        arguments.check_client(banqup, AsyncBanqupClient, "banqup")
        arguments.check_client(zenvoices, AsyncZenvoicesClient, "zenvoices")
        arguments.check_store(checkpoints)
        arguments.check_count(in_flight, "in_flight")
        check_word(on_uncertain, ("hold", "resend"), "on_uncertain", service="bridge")
        check_clock(clock, service="bridge")
        if mapper is not None:
            arguments.check_mapper(mapper, in_tasks=runtime.IN_TASKS)
        if exportable is not None:
            hint = "It takes a document: def exportable(document)."
            check_function(exportable, "exportable", 1, hint, service="bridge")
        self._banqup = banqup
        self._zenvoices = zenvoices
        self._store = checkpoints
        self._lease_ttl = arguments.check_lease(lease_ttl, zenvoices.deadline)
        self._checks = AsyncChecks(banqup, zenvoices, self.space_id, self.company_code)
        self._context = AsyncContext(
            banqup=banqup,
            zenvoices=zenvoices,
            space_id=self.space_id,
            company_code=self.company_code,
            checks=self._checks,
            mapper=mapper or default_mapper,
            exportable=exportable or default_exportable,
            listeners=arguments.check_listeners(listeners),
            clock=clock,
            in_flight=in_flight,
            on_uncertain=on_uncertain,
        )
        self._binding = {
            "banqup": origin_of(banqup.base_url),
            "space": self.space_id,
            "zenvoices": origin_of(zenvoices.base_url),
            "organisation": zenvoices.login.organisation_code.strip(),
            "company": self.company_code,
        }
        # The store also has a record of the space, which says which connection uses the space.
        # These values are the key of that record.
        self._space = {
            "record": "space",
            "banqup": self._binding["banqup"],
            "space": self.space_id,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}(space {self.space_id!r} to company {self.company_code!r})"

    def __reduce__(self) -> Never:
        refuse_pickling(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close both clients and the store, as at the end of an ``async with`` block.

        Do not call it if several connections share a client or the store; close these yourself.
        """
        async with AsyncExitStack() as stack:
            # A user's own store need not have a close() method.
            close = getattr(self._store, "close", None)
            if close is not None:
                stack.push_async_callback(runtime.call_store, close)
            stack.push_async_callback(self._zenvoices.aclose)
            stack.push_async_callback(self._banqup.aclose)

    @property
    def key(self) -> str:
        """The key of this connection in the store."""
        return self._session().key

    def _session(
        self, binding: Mapping[str, Any] | None = None, *, new: bool = False
    ) -> AsyncCheckpointSession:
        return AsyncCheckpointSession(
            self._store, binding or self._binding, self._lease_ttl, new=new
        )

    async def verify(
        self,
        *,
        deep: bool = False,
        sample: InboxUpload | bool | None = None,
        lang: Lang | None = None,
    ) -> Verification:
        """Check every prerequisite of an export with read-only calls.

        Args:
            deep: Also make every read-only call of an export, and compare the names and types in
                each answer with those that this library assumes.
            sample: With ``deep``, also send one test document to the company and read it back:
                True for an invented invoice, or an upload of your own. The document is marked as a
                test, and a warning is logged. Zenvoices keeps it until a user deletes it. Nothing
                is sent if a check fails that is also made without ``deep``.
            lang: Language of titles, findings and remedies: ``"en"``, ``"fr"`` or ``"nl"``; by
                default that of :func:`set_language`.

        Returns:
            One check per prerequisite, and with ``deep`` one per call. A failed check says what to
            change, and where.

        Raises:
            ConfigurationError: ``sample`` was given without ``deep``, or an argument has a wrong
                type.
        """
        from bridge._reports.verification import verification_of

        lang = language() if lang is None else check_lang(lang)
        check_instance(deep, bool, "deep", service="bridge")
        arguments.check_sample(sample)
        if sample and not deep:
            raise configuration_error("verify(sample=) sends a test document: say deep=True, too")
        session = self._session()
        checkpoints: str | ServiceError = name_of_store(self._store)
        try:
            await session.read()
            checkpoints = await self._other_company() or checkpoints
        except ServiceError as error:
            checkpoints = error
        if not isinstance(checkpoints, ServiceError) and not session.head.active:
            inactive = Text(
                "activate_first",
                "not active: call activate(), or run banqup-zenvoices activate, before an export",
            )
            checkpoints = joined("; ", checkpoints, inactive)
        # Use a copy of the checks. If the store is not readable, the copy accepts any company
        # number, and a run in another thread must not use that number. The copy starts without a
        # number: if the company is not found now, the number of an earlier call must not be used.
        checks = evolve(self._checks, company_id=0)
        found = {**await checks.all(session.head.companies), "checkpoints": checkpoints}
        verification = verification_of(found, lang)
        if not deep:
            return verification
        from bridge._async._deep import look_deeper

        return await look_deeper(verification, evolve(self._context, checks=checks), sample)

    async def activate(self) -> Activation:
        """Record all documents, so that only those that become exportable later are exported.

        activate() makes the checks of verify(), lists the space until two listings agree, and
        stores each document with its status. It also reads one document with its file, as an
        export would. When all documents are stored, the connection becomes active. If it is active
        already, nothing changes.

        Raises:
            ServiceError: A check of verify() failed, or Banqup could not be listed.
            ProtocolError: Banqup's list has entries of another space, or entries without a usable
                id, which would look new later.
            ConfigurationError: The space is active with another company in the same store, or an
                answer that an export needs cannot be read. Or the rule ``exportable=`` raised or
                returned an unusable value. The hint says how to correct it.
            BusyError: A run of this connection is in progress.
        """
        from bridge._async._activation import AsyncBaseline
        from bridge._async._deep import check_readable

        verification = await self.verify()
        verification.raise_for_failure()
        async with self._session(new=True) as session:
            baseline = AsyncBaseline(self._context, session)
            if not session.head.active:
                # Hold the lease of the space, too. Without this lease, two connections could
                # activate the same space at once.
                async with self._session(self._space, new=True) as claim:
                    await self._refuse_other_company()
                    claim.update(last_run=self._binding)
                    await claim.flush()
                    await self._checks.company(session.head.companies)
                    await baseline.record()
                    await check_readable(self._context, baseline.example)
                    await baseline.commit(claim)
            return baseline.activation()

    async def deactivate(self) -> None:
        """Stop exporting. All deliveries stay in the store, for a later activate().

        Raises:
            BusyError: A run of this connection is in progress.
            ConfigurationError: This connection is not active, but the space is active with another
                company, which would stay active.
        """
        async with self._session() as session:
            if session.head.active:
                session.update(active=False)
                await session.flush()
            else:
                await self._refuse_other_company()

    async def _refuse_other_company(self) -> None:
        error = await self._other_company()
        if error is not None:
            raise error

    async def _other_company(self) -> ConfigurationError | None:
        """Return the error for a space that is active with another company in the same store.

        Return None if no other company uses the space. Without this check, the error for a wrong
        company code would ask for activate().
        """
        claim = self._session(self._space)
        await claim.read()
        holder = claim.head.last_run
        if holder is None or holder == self._binding:
            return None
        # The order of the values decides the key, so use the order of `_binding`. A user's store
        # may return the members of a JSON text in another order.
        other = self._session({name: holder.get(name) for name in self._binding})
        await other.read()
        if not other.head.active:
            return None
        return setting_error(
            "space_is_active",
            "the space is active with the company {0!r} of organisation {1!r} at {2} in this store",
            *(str(holder.get(name)) for name in ("company", "organisation", "zenvoices")),
            hint="A space goes to one company. To go on with that company, put its settings back. "
            "To change it, put them back first and run banqup-zenvoices deactivate (in Python: "
            "deactivate()); then write the new ones and activate.",
        )

    async def _not_active(self, session: AsyncCheckpointSession) -> ConfigurationError:
        """Return the error that says why the connection is not active.

        Another company may use the space in this store. Otherwise activate() was not called, or
        deactivate() was called after it.
        """
        name = name_of_store(self._store)
        hint = joined(" ", ACTIVATE, IN_MEMORY if is_in_memory(self._store) else OTHER_STORE)
        return await self._other_company() or NotActivatedError(
            Text("not_active_in", "this connection is not active in {0}", name),
            hint=ACTIVATE_AGAIN if session.head.activations else hint,
        )

    async def export_new(
        self,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        deadline: float | None = None,
        look_first: bool = False,
    ) -> ExportReport:
        """Send the documents that became exportable after activation to the company's inbox.

        Documents that resend() accepted are sent, too. First, uploads of earlier runs that may have
        arrived are looked up.

        Args:
            dry_run: Only report what would be done with each document, and why. A dry run calls
                the rule ``exportable=``, but fetches no file and so calls no mapper. To try a
                mapper, use :func:`bridge.testing.try_mapper`.
            limit: The most documents to begin in this run, whether or not they are delivered.
            deadline: Seconds after which no further document is begun; uploads in progress are
                completed.
            look_first: Look each document up in Zenvoices before it is sent. Use it after the
                store was restored from a backup. Later runs do the same for documents older than
                this run, or of unknown age, so this run need not complete.

        Returns:
            The report. A failure that concerns one document does not raise; it is in the report.

        Raises:
            NotActivatedError: The connection is not active; call activate().
            BusyError: Another run of this connection is in progress.
            ServiceError: A failure that concerns more than one document. The ``report`` attribute
                of the error contains the documents handled before.
        """
        if limit is not None:
            arguments.check_count(limit, "limit")
        check_instance(dry_run, bool, "dry_run", service="bridge")
        check_instance(look_first, bool, "look_first", service="bridge")
        if deadline is not None:
            check_seconds(deadline, "deadline", service="bridge", zero=True)
        until = Deadline.after(deadline)
        session = self._session()
        await (session.read() if dry_run else session.acquire())
        try:
            if not session.head.active:
                # A wrong company code gives another key, under which nothing is active. The error
                # must then be about the code, not about the missing activation.
                verification = await self.verify()
                verification.raise_for_failure()
                raise await self._not_active(session)
            context = evolve(
                self._context, dry_run=dry_run, limit=limit, deadline=until, look_first=look_first
            )
            return await AsyncRun(context, session).execute()
        finally:
            await session.release()

    async def status(self, *, waiting: bool = False) -> Status:
        """Return the state of the connection from the store, without a call to a service.

        Args:
            waiting: Also list the documents that wait or are being sent.

        Raises:
            StoreError: The store failed.
        """
        check_instance(waiting, bool, "waiting", service="bridge")
        session = self._session()
        await session.read()
        head = session.head
        needing = [one async for one in session.all("failed", "uncertain")]
        waits = [one async for one in session.all("waiting", "sending")]
        needing += [one for one in waits if one.needs_naming]
        error = None if head.active else await self._not_active(session)
        return Status(
            active=head.active,
            space_id=self.space_id,
            company_code=self.company_code,
            activated_at=head.activated_at,
            last_run=head.last_run,
            counts=head.counts,
            attention=map(delivery_row, needing),
            waiting=map(delivery_row, waits if waiting else ()),
            unknown_statuses=Counter(one.unknown for one in waits if one.unknown),
            not_active=() if error is None else (error.message, error.hint or ""),
        )

    async def resend(self, ids: Iterable[str]) -> tuple[Request, ...]:
        """Mark documents to be sent (again) by the next run.

        A document is sent whatever its status in Banqup is. If it was delivered, or its upload was
        begun before, it gets a new external id. So a delivered document will be in Zenvoices twice.
        A document whose upload may have arrived is refused: the next run or settle() has to decide
        first.

        Args:
            ids: Ids of documents in Banqup. A document that the store does not know is looked up
                in Banqup. UUIDs may be in upper or lower case.

        Returns:
            One result for each document: whether it was accepted and, if not, why. For a document
            that was delivered before, the result says that Zenvoices will have it twice.

        Raises:
            ConfigurationError: ``ids`` is not a list of ids.
            NotActivatedError: The connection is not active; call activate().
            BusyError: A run of this connection is in progress.
            ServiceError: Banqup cannot be asked about documents now. Documents that were accepted
                before the error stay accepted.
        """
        from bridge._async._requests import request_all

        wanted = list(dict.fromkeys(map(canonical_id, arguments.check_ids(ids))))
        async with self._session() as session:
            if not session.head.active:
                raise await self._not_active(session)
            return await request_all(self._context, session, wanted)

    async def settle(self, document_id: str, *, delivered: bool) -> DeliveryRow:
        """Record what a person has decided about a document that ``status().attention`` lists.

        Args:
            document_id: The document's id in Banqup.
            delivered: True if the document is in the company's inbox. With False, an uncertain
                document is sent again, and any other document is skipped.

        Returns:
            The document's line, with its new state.

        Raises:
            ConfigurationError: The document is not one that ``status().attention`` lists.
            NotActivatedError: The connection was never active; call activate().
            BusyError: A run of this connection is in progress.
        """
        from bridge._async._requests import settle_one

        arguments.check_document_id(document_id)
        check_instance(delivered, bool, "delivered", service="bridge")
        async with self._session() as session:
            if not session.head.activations:
                raise await self._not_active(session)
            return await settle_one(self._context, session, document_id, delivered)

    async def confirm(self) -> Confirmation:
        """Look up every delivered document that is not confirmed yet; nothing is sent.

        The result lists the documents that Zenvoices does not have, has more than once, or gives
        no clear answer about.

        Raises:
            NotActivatedError: The connection was never active; call activate().
            BusyError: A run of this connection is in progress.
            ServiceError: A call to Zenvoices failed.
        """
        from bridge._async._requests import confirmed

        async with self._session() as session:
            if not session.head.activations:
                raise await self._not_active(session)
            if not self._checks.company_id:
                await self._checks.company(session.head.companies)
            return await confirmed(self._context, session)
