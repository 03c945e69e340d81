"""Headers of records: whose a record is, what version of the contract it follows, which intent it is about.

Owns their names and how they are read. Several bridges may share topics: what a bridge reads back of its own
is told by the header `account`, and so is whom a signal is for. Does no I/O. Used by the other modules of
this folder.
"""

from collections.abc import Sequence

from hybrid_bridge.settings import StreamSettings

Headers = Sequence[tuple[str, bytes | None]]

SCHEMA_VERSION = b"1"
VERSION = "schema_version"
ACCOUNT = "account"
INTENT_ID = "intent_id"


def own_headers(account: str) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of every record that this account's bridge writes."""
    return ((VERSION, SCHEMA_VERSION), (ACCOUNT, account.encode()))


def intent_headers(intent_id: str) -> tuple[tuple[str, bytes], ...]:
    """Return the further headers of an event; none when it is about no intent."""
    return ((INTENT_ID, intent_id.encode()),) if intent_id else ()


def account_of(headers: Headers) -> str:
    """Return the account that a record names, "" for none; of several headers the last counts."""
    named = [value for name, value in headers if name == ACCOUNT]
    return (named[-1] or b"").decode(errors="replace") if named else ""


def is_own(headers: Headers, account: str) -> bool:
    """Tell whether a record may be this account's; one that names none was written before they did."""
    return account_of(headers) in ("", account)


def is_elsewhere(headers: Headers, settings: StreamSettings) -> bool:
    """Tell whether a signal is for another account's bridge."""
    return account_of(headers) not in ("", settings.account, settings.login)
