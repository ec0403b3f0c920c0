"""Files: their details, and their bytes."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, overload

from _client_kit import _world_async as world
from _client_kit._async._calls import AsyncCalls
from _client_kit._atomic import AtomicFile
from _client_kit._clock import Deadline
from _client_kit._contract import Contract
from _client_kit._errors import ProtocolError
from _client_kit._models import decode
from banqup_client._async._storage import DEFAULT_MAX_BYTES, AsyncStorage, ExpiredUrl
from banqup_client._errors import FileNotReady, FileRefused
from banqup_client._models import FileDetails

__all__ = ["AsyncFiles"]


class AsyncFiles:
    """The files of a space's documents."""

    def __init__(self, calls: AsyncCalls, contract: Contract, storage: AsyncStorage) -> None:
        self._calls = calls
        self._contract = contract
        self._storage = storage

    async def details(
        self, space_id: str, file_id: str, *, deadline: float | None = None
    ) -> FileDetails:
        """What Banqup knows of a file. Published, but for the download URL.

        Raises:
            NotFound: The space does not have it.
        """
        payload, answer = await self._calls.call(
            self._contract["files.details"],
            path={"space_id": space_id, "file_id": file_id},
            deadline=deadline,
        )
        if not isinstance(payload, dict):
            message = "files.details: expected an object"
            raise ProtocolError(message, service="banqup", status=answer.status)
        return decode(FileDetails, payload)

    @overload
    async def download(
        self,
        space_id: str,
        file_id: str,
        *,
        max_bytes: int = ...,
        deadline: float | None = ...,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        space_id: str,
        file_id: str,
        to: str | os.PathLike[str] | BinaryIO,
        *,
        max_bytes: int = ...,
        deadline: float | None = ...,
    ) -> FileDetails: ...

    async def download(
        self,
        space_id: str,
        file_id: str,
        to: str | os.PathLike[str] | BinaryIO | None = None,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        deadline: float | None = None,
    ) -> bytes | FileDetails:
        """A file's bytes. Assumed: the signed URL in the file's details.

        The details are read right before, and once more when storage no longer takes the URL.

        Args:
            space_id: The space.
            file_id: The file.
            to: A path, which appears only when it is complete, or a binary file that can seek and
                truncate; without it the bytes are returned.
            max_bytes: The most to accept.
            deadline: Seconds for everything together; the client's own by default.

        Returns:
            The bytes, or the file's details when they were written to ``to``.

        Raises:
            FileNotReady: Not uploaded or not scanned yet.
            FileRefused: Banqup's virus scan rejected it.
            ProtocolError: Truncated, or of another size than Banqup says.
        """
        limit = Deadline.after(self._calls.deadline if deadline is None else deadline)
        if to is None:
            buffer = io.BytesIO()
            await self._fetch(space_id, file_id, buffer, max_bytes, limit)
            return buffer.getvalue()
        if isinstance(to, (str, os.PathLike)):
            with AtomicFile(to) as file:
                details = await self._fetch(space_id, file_id, file.handle, max_bytes, limit)
                await world.run_blocking(file.keep)
                return details
        return await self._fetch(space_id, file_id, to, max_bytes, limit)

    async def _fetch(
        self, space_id: str, file_id: str, target: BinaryIO, max_bytes: int, limit: Deadline
    ) -> FileDetails:
        details = await self._ready(space_id, file_id, limit)
        try:
            await self._receive(details, target, max_bytes, limit)
        except ExpiredUrl:
            details = await self._ready(space_id, file_id, limit)
            await self._receive(details, target, max_bytes, limit)
        return details

    async def _receive(
        self, details: FileDetails, target: BinaryIO, max_bytes: int, limit: Deadline
    ) -> None:
        await self._storage.download(
            details._download_url or "",
            target,
            size=details.file_size,
            max_bytes=max_bytes,
            limit=limit,
        )

    async def _ready(self, space_id: str, file_id: str, limit: Deadline) -> FileDetails:
        details = await self.details(space_id, file_id, deadline=limit.remaining())
        problem: Any = None
        if details.status == "REJECTED":
            problem = FileRefused(
                "Banqup's virus scan rejected the file", service="banqup", retryable=False
            )
        elif details.status == "AWAITING_UPLOAD" or not details._download_url:
            problem = FileNotReady(
                f"the file is not ready yet (status {details.status!r})",
                service="banqup",
                retryable=True,
            )
        if problem is not None:
            raise problem
        return details
