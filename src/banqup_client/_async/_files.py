"""Calls about files: details and content."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, overload

from attrs import evolve

from _client_kit import _runtime_async as runtime
from _client_kit._address import check_header_text
from _client_kit._async._calls import AsyncCalls
from _client_kit._async._client import AsyncCallGroup
from _client_kit._clock import Deadline
from _client_kit._files import FileContent, FileSource, atomic_file
from _client_kit._redaction import sanitise
from _client_kit._response import unexpected
from _client_kit._secret import Secret
from _client_kit._text import Text
from _client_kit._times import to_wire_time
from banqup_client._asked import AskedBytes, AskedFile, AskedSpace
from banqup_client._async._storage import AsyncStorage
from banqup_client._errors import FileNotReadyError, FileRefusedError, UrlExpiredError
from banqup_client._models import FileDetails
from banqup_client._storage import DEFAULT_MAX_BYTES, Target


class AsyncFiles(AsyncCallGroup):
    """Calls about files in spaces."""

    def __init__(self, calls: AsyncCalls, storage: AsyncStorage) -> None:
        super().__init__(calls)
        self._storage = storage

    async def details(
        self,
        space_id: str,
        file_id: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> FileDetails:
        """Return the details of a file.

        The call is published; that the answer holds a download URL is assumed.

        Args:
            space_id: Id of the space.
            file_id: Id of the file.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Raises:
            NotFoundError: The space has no such file.
            ProtocolError: The answer is a file with another id.
        """
        return await self._details(space_id, file_id, self._calls.limit(deadline, timeout))

    async def _details(self, space_id: str, file_id: str, limit: Deadline) -> FileDetails:
        return await self._call_one(
            "files.details",
            FileDetails,
            wanted_id=file_id,
            path={"space_id": space_id, "file_id": file_id},
            asked=partial(AskedFile, space_id=space_id, file_id=file_id),
            limit=limit,
        )

    async def create(
        self,
        space_id: str,
        *,
        filename: str,
        size: int,
        content_type: str,
        description: str | None = None,
        retention_time: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> FileDetails:
        """Create a file without content; :meth:`upload` does this and then sends the content.

        The call is published.

        Args:
            space_id: Id of the space.
            filename: Name of the file.
            size: Length of the content in bytes.
            content_type: Media type of the content, such as ``application/xml``.
            description: Description for people.
            retention_time: Time, with a time zone, until which Banqup keeps the file.
            metadata: Data about the file's document, such as
                ``{"folder": "PURCHASES", "documentCategory": "INVOICE"}``.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.
        """
        check_header_text(content_type, "content_type", service="banqup")
        body = {
            "filename": filename,
            "description": description,
            "retentionTime": to_wire_time(retention_time, "retention_time", service="banqup"),
            "fileSize": size,
            "fileType": content_type,
            "contentType": content_type,
            "metadata": None if metadata is None else dict(metadata),
        }
        return await self._call_one(
            "files.create",
            FileDetails,
            path={"space_id": space_id},
            json={name: value for name, value in body.items() if value is not None},
            asked=partial(AskedSpace, space_id=space_id),
            limit=self._calls.limit(deadline, timeout),
        )

    async def upload(
        self,
        space_id: str,
        content: FileContent,
        *,
        filename: str,
        content_type: str,
        description: str | None = None,
        retention_time: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> FileDetails:
        """Create a file and send its content to the signed URL.

        The call that creates the file is published. It is assumed that the content is sent with the
        HTTP method PUT.

        Args:
            space_id: Id of the space.
            content: Bytes, a path, or an open binary file that can seek.
            filename: Name of the file.
            content_type: Media type of the content; the storage accepts only this media type.
            description: Description for people.
            retention_time: Time, with a time zone, until which Banqup keeps the file.
            metadata: Data about the file's document, such as
                ``{"folder": "PURCHASES", "documentCategory": "INVOICE"}``.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Returns:
            The details from before the content was sent. Banqup then scans the content for viruses:
            :meth:`details` returns the status.

        Raises:
            OutcomeUnknownError: It is unknown whether the file was created, or its content stored.
            UrlExpiredError: The storage refused the signed URL, and has not stored the content.
        """
        limit = self._calls.limit(deadline, timeout)
        source = FileSource.of(content)
        details = await self.create(
            space_id,
            filename=filename,
            size=source.size,
            content_type=content_type,
            description=description,
            retention_time=retention_time,
            metadata=metadata,
            timeout=timeout,
            deadline=limit.remaining(),
        )
        operation = self._calls.contract["files.upload"]
        if operation.function is not None:
            asked = AskedBytes(
                space_id=space_id,
                file_id=details.id,
                content=source,
                content_type=content_type,
            )
            await self._calls.run(operation, asked, limit)
            return details
        await self._storage.upload(
            details._upload_url, source, content_type=content_type, limit=limit
        )
        return details

    @overload
    async def download(
        self,
        space_id: str,
        file_id: str,
        *,
        size: int | None = ...,
        max_bytes: int = ...,
        timeout: float | None = ...,
        deadline: float | None = ...,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        space_id: str,
        file_id: str,
        to: str | os.PathLike[str] | BinaryIO,
        *,
        size: int | None = ...,
        max_bytes: int = ...,
        timeout: float | None = ...,
        deadline: float | None = ...,
    ) -> FileDetails: ...

    async def download(
        self,
        space_id: str,
        file_id: str,
        to: str | os.PathLike[str] | BinaryIO | None = None,
        *,
        size: int | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        timeout: float | None = None,
        deadline: float | None = None,
    ) -> bytes | FileDetails:
        """Download the content of a file.

        It is assumed that the file's details have a signed URL for the content. The details are
        read right before the download, and once more if the storage refuses the signed URL. With a
        function for ``files.download`` in ``operations=``, the details are read only if
        ``operations=`` has a function for ``files.details`` too.

        Args:
            space_id: Id of the space.
            file_id: Id of the file.
            to: A path, or a binary file that can seek and truncate. At a path the file appears
                when it is complete, readable by its owner only. If None, the content is returned.
            size: Length in bytes that the content must have, from the document's list of files;
                used if the file's details name no size.
            max_bytes: Largest number of bytes to accept; 1 GiB by default.
            timeout: Seconds for each connect, read and write; the client's own by default.
            deadline: Seconds for the whole call; the client's own by default.

        Returns:
            The content, or the file's details if the content was written to ``to``.

        Raises:
            NotFoundError: The space has no such file.
            FileNotReadyError: The file is not uploaded or not scanned yet.
            FileRefusedError: Banqup's virus scan rejected the file.
            UrlExpiredError: The storage refused the signed URL, and then a new signed URL too.
            RejectedError: The file is larger than ``max_bytes``.
            ProtocolError: The content is truncated, compressed or not of the size that Banqup says,
                or the signed URL cannot be used.
            OSError: ``to`` cannot be written.
        """
        limit = self._calls.limit(deadline, timeout)
        if to is None:
            buffer = io.BytesIO()
            await self._fetch(space_id, file_id, Target(buffer, 0, size, max_bytes), limit)
            return buffer.getvalue()
        if isinstance(to, (str, os.PathLike)):
            with atomic_file(to) as file:
                target = Target(file, 0, size, max_bytes)
                return await self._fetch(space_id, file_id, target, limit)
        target = Target(to, to.tell(), size, max_bytes)
        return await self._fetch(space_id, file_id, target, limit)

    async def _fetch(
        self, space_id: str, file_id: str, target: Target, limit: Deadline
    ) -> FileDetails:
        """Write a file's content; try once more if the signed URL has expired."""
        try:
            return await self._fetch_once(space_id, file_id, target, limit)
        except UrlExpiredError:
            return await self._fetch_once(space_id, file_id, target, limit)

    async def _fetch_once(
        self, space_id: str, file_id: str, target: Target, limit: Deadline
    ) -> FileDetails:
        operation = self._calls.contract["files.download"]
        own = operation.function is not None
        details = FileDetails(id=file_id)
        if not own or self._calls.contract["files.details"].function is not None:
            details = await self._details(space_id, file_id, limit)
        if details.status == "REJECTED":
            message = Text("infected", "files.download: Banqup's virus scan rejected the file")
            raise FileRefusedError(message, service="banqup")
        if details.file_size is not None:
            target = evolve(target, size=details.file_size)
        url = details._download_url
        if details.status == "AWAITING_UPLOAD" or (
            url is None and not own and details.status != "AVAILABLE"
        ):
            status = sanitise(details.status)[:60]
            message = Text(
                "file_not_ready", "files.download: the file is not available (status {0!r})", status
            )
            raise FileNotReadyError(message, service="banqup")
        if own:
            asked = AskedBytes(space_id=space_id, file_id=file_id)
            content, answer = await self._calls.run(operation, asked, limit)
            if isinstance(content, bytes):
                target.check(len(content), by=operation.label)
                await runtime.write_chunk(target.file, content)
                return details
            if not isinstance(content, str) or not content.startswith(("/", "http:", "https:")):
                expected = Text("bytes_or_address", "the file's bytes, or their address as a text")
                raise unexpected(operation, answer, expected)
            url = Secret(content)
            del content  # keep the signed URL out of the tracebacks of failed downloads
        await self._storage.download(url, target, limit)
        return details
