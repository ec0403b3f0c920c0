"""Stream the body of a request in pieces: JSON that contains files, or one file alone."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import AsyncIterator, Sequence

from _client_kit import _runtime_async as runtime
from _client_kit._errors import OutcomeUnknownError
from _client_kit._files import BodyPart, FileSource, os_reason
from _client_kit._signals import raised_by_signal_handler
from _client_kit._text import Text

# A multiple of 3, so that only the last piece of a file has base64 padding.
READ_SIZE = 3 * 64 * 1024


class AsyncJsonBody:
    """An iterable of the bytes of a body with files.

    It can be iterated any number of times, and holds one piece in memory at a time.
    """

    def __init__(self, parts: Sequence[BodyPart], *, service: str) -> None:
        self._parts = parts
        self._service = service

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pending = b""  # JSON text in front of a file; it is sent with the file's first piece
        for part in self._parts:
            if isinstance(part, bytes):
                pending += part
                continue
            source = part if isinstance(part, FileSource) else part.source
            async for piece in self._pieces(source):
                yield pending + (piece if part is source else b2a_base64(piece, newline=False))
                pending = b""
        if pending:  # the JSON text after the last file
            yield pending

    async def _pieces(self, source: FileSource) -> AsyncIterator[bytes]:
        left = source.size
        try:
            with source.open() as file:
                while left > 0:
                    size = min(READ_SIZE, left)
                    chunk = b""
                    while len(chunk) < size:  # a short piece would end in base64 padding
                        more = await runtime.read_chunk(file, size - len(chunk))
                        if not more:
                            raise self._failed(
                                Text("file_shrank", "a file became shorter while it was sent")
                            )
                        chunk += more
                    left -= size
                    yield chunk
        except OSError as error:
            if raised_by_signal_handler(error):
                raise
            reason = os_reason(error)
            message = Text(
                "file_unreadable", "a file could not be read while it was sent ({0})", reason
            )
            raise self._failed(message) from None

    def _failed(self, message: Text) -> OutcomeUnknownError:
        return OutcomeUnknownError(message, service=self._service, retryable=False)
