"""Headers of records: whose a record is, what version of the contract it follows, which intent it is about.

Owns their names and how they are read. Several bridges may share topics: what a bridge reads back of its own
is told by the header `account`, and so is whom a signal is for. Does no I/O. Used by the other modules of
this folder.
"""

import re
from collections.abc import Sequence

from hybrid_bridge.settings import StreamSettings

Headers = Sequence[tuple[str, bytes | None]]

SCHEMA_VERSION = b"1"
VERSION = "schema_version"
ACCOUNT = "account"
INTENT_ID = "intent_id"
NAME_BYTES_MAX = 64  # More than any account's name has; of a longer one the beginning is shown in the log.

_NAME = re.compile(r"simulator|(simulator-)?0*[1-9][0-9]*")


def own_headers(account: str) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of every record that this account's bridge writes."""
    return ((VERSION, SCHEMA_VERSION), (ACCOUNT, account.encode()))


def intent_headers(intent_id: str) -> tuple[tuple[str, bytes], ...]:
    """Return the further headers of an event; none when it is about no intent."""
    return ((INTENT_ID, intent_id.encode()),) if intent_id else ()


def account_of(headers: Headers) -> str:
    """Return the account that a record names, "" for none; of several headers the last counts."""
    named = _accounts_named(headers)
    return named[-1] if named else ""


def is_own(headers: Headers, account: str) -> bool:
    """Tell whether a record may be this account's; one that names none was written before they did."""
    return account_of(headers) in ("", account)


def is_elsewhere(headers: Headers, settings: StreamSettings) -> bool:
    """Tell whether a signal is for another account's bridge; one that is in doubt counts as that."""
    return not all(_is_here(name, settings) for name in _accounts_named(headers))


def is_stop_elsewhere(headers: Headers, settings: StreamSettings) -> bool:
    """Tell whether an emergency stop is for others beyond doubt; a header that names nobody leaves doubt."""
    named = _accounts_named(headers)
    return bool(named) and all(_NAME.fullmatch(name) and not _is_here(name, settings) for name in named)


def _is_here(name: str, settings: StreamSettings) -> bool:
    """Tell whether a name is empty or this account's; a number is the same with zeros in front of it."""
    number = name.lstrip("0")
    return name in ("", settings.account) or (number != "" and number in (settings.account, settings.login))


def _accounts_named(headers: Headers) -> list[str]:
    """Return what each header `account` says, without the blanks around it."""
    values = [value or b"" for name, value in headers if name == ACCOUNT]
    return [value[:NAME_BYTES_MAX].decode(errors="replace").strip() for value in values]
