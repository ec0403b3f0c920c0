"""Check the arguments of a connection when they are passed, not in the middle of a run.

In this module, to "refuse" a value is to raise ConfigurationError.
"""

from __future__ import annotations

from typing import Any

from _client_kit._address import check_id
from _client_kit._arguments import (
    argument_error,
    check_function,
    check_instance,
    check_list,
    check_seconds,
)
from _client_kit._errors import ConfigurationError
from _client_kit._text import Text
from bridge._errors import configuration_error, setting_error

STORE_METHODS = ("acquire", "release", "head", "find", "select", "commit")
_WORLD = "The Banqup client comes first. AsyncConnection takes two Async clients, Connection none."


def check_client(client: Any, kind: type[object], name: str) -> None:
    """Refuse an object that is not a client of the class `kind`, and a closed client."""
    check_instance(client, kind, name, service="bridge", hint=_WORLD)
    if client.is_closed:
        raise configuration_error(
            f"the client given as {name} is closed",
            "The end of a client's `with` block closes it, and so does the end of "
            "`with Connection(...)`. Where connections share clients, build them without `with`.",
        )


def check_store(store: object) -> None:
    """Refuse an object without the methods of a store, and a class instead of an object."""
    if isinstance(store, type) or not all(hasattr(store, name) for name in STORE_METHODS):
        hint = "Pass one such as SQLiteCheckpoints('exports.db')."
        raise argument_error("checkpoints", "a store", store, service="bridge", hint=hint)


def check_mapper(mapper: object, *, in_tasks: bool) -> None:
    """Refuse an object that cannot be called as a mapper.

    Args:
        mapper: The connection's argument ``mapper=``.
        in_tasks: True for AsyncConnection, whose mapper may be a coroutine function.
    """
    hint = Text(
        "hint_mapper", "A mapper takes a document and its files: def mapper(document, files)."
    )
    check_function(mapper, "mapper", 2, hint, service="bridge", coroutines=in_tasks)


def check_listeners(listeners: object) -> tuple[Any, ...]:
    """Return the listeners as a tuple; refuse a function that is not in a list, and a class."""
    known = check_list(listeners, "listeners", "functions", service="bridge")
    for listener in known:
        hint = "It is called with one event at a time."
        check_function(listener, "a listener", 1, hint, service="bridge")
    return tuple(known)


def check_sample(sample: object) -> None:
    """Refuse a sample of a wrong type.

    Without this check, a file name would count as True, and an invented invoice would be sent.
    """
    from zenvoices_client import InboxUpload  # imported here, because an export does not need it

    if sample is not None and not isinstance(sample, (bool, InboxUpload)):
        hint = "True sends an invented invoice; InboxUpload(...) makes one of your own files."
        wanted = "True or an InboxUpload"
        raise argument_error("sample", wanted, sample, service="bridge", hint=hint)


def check_count(number: object, name: str) -> None:
    """Refuse a value that is not a positive whole number."""
    if type(number) is not int or number < 1:
        wanted = Text("whole_number_up", "a whole number from 1 up")
        raise argument_error(name, wanted, number, service="bridge")


def check_lease(seconds: object, upload_deadline: float) -> float:
    """Return the seconds of a lease; refuse less than twice the deadline of an upload."""
    lease = check_seconds(seconds, "lease_ttl", service="bridge")
    if lease < 2 * upload_deadline:
        raise setting_error(
            "lease_too_short",
            "lease_ttl ({0} s) must be at least twice the Zenvoices client's deadline ({1} s)",
            *(f"{lease:g}", f"{upload_deadline:g}"),
        )
    return lease


def check_ids(ids: object) -> list[str]:
    """Return the ids of documents; refuse a str, which would be read as a list of characters."""
    given = check_list(ids, "ids", "document ids", service="bridge")
    return [check_document_id(item) for item in given]


def check_document_id(given: object) -> str:
    """Return the id of a document; refuse other values, such as a number or a row of a report."""
    if not isinstance(given, str):
        raise argument_error(
            "a document id",
            "the id of a document in Banqup, a text",
            given,
            service="bridge",
            hint="Rows of reports and of status() have it as row.document_id.",
        )
    try:
        return check_id(given, Text("the_document_id", "document id"), service="bridge")
    except ConfigurationError as error:
        hint = Text(
            "hint_number",
            "If it is the number of an invoice: banqup-zenvoices status --waiting and the report "
            "of an export show its id.",
        )
        raise configuration_error(error.message, hint) from None
