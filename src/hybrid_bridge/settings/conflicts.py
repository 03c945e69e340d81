"""What is wrong between settings that are each acceptable alone.

A leaf of settings, used by `loading` alone. Looks at files only to tell whether they are there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from hybrid_bridge.settings.file import EnvFile
from hybrid_bridge.settings.model import Settings
from hybrid_bridge.settings.path import validate_mt5_path


def find_conflicts(settings: Settings, file: EnvFile) -> Iterator[tuple[str, str]]:
    """Yield what is wrong between settings that are each acceptable alone: name and sentence."""
    if settings.cooldown_minutes is not None and settings.max_consecutive_losses is None:
        text = "pauses after MAX_CONSECUTIVE_LOSSES, which is not set; set that too, or leave this empty"
        yield "cooldown_minutes", text
    yield from _topic_conflicts(settings)
    yield from _security_conflicts(settings)
    yield from _place_conflicts(settings)
    if settings.simulated:
        for path in settings.sim_ticks:
            if not Path(path).is_file():
                yield "sim_ticks", f"no file at {path}; give tick files that exist, separated by commas"
    else:
        yield from _terminal_conflicts(settings, file)


def _topic_conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    topics: dict[str, str] = {}
    for name in ("redpanda_tick_topic", "redpanda_signal_topic", "redpanda_event_topic"):
        topic = getattr(settings, name)
        if topic in topics:
            yield name, f"saw '{topic}', which is {topics[topic].upper()} too; use three different topics"
        topics[topic] = name
    kept_h, asked_h = settings.journal_retention_days * 24, settings.redpanda_signal_retention_hours
    if kept_h and not 0 < asked_h <= kept_h:
        longer = f"longer than JOURNAL_RETENTION_DAYS, which is {kept_h} hours"
        text = f"{longer}: a signal that is read again would not be known any more; lower this or raise that"
        yield "redpanda_signal_retention_hours", text


def _security_conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what would leave a connection less secure than it looks, or could never connect."""
    protocol = settings.redpanda_security_protocol
    seen = f"REDPANDA_SECURITY_PROTOCOL={protocol}"
    logins = {
        "redpanda_sasl_username": settings.redpanda_sasl_username,
        "redpanda_sasl_password": settings.redpanda_sasl_password.get_secret_value(),
    }
    for name, value in logins.items():
        if protocol.startswith("SASL") and not value:
            yield name, f"not set, but {seen} logs in; set it"
        if value and not protocol.startswith("SASL"):
            text = "make that SASL_SSL (SASL_PLAINTEXT where nothing is encrypted), or leave this empty"
            yield name, f"set, but {seen} logs nobody in; {text}"
    files = {
        name: getattr(settings, name)
        for name in ("redpanda_tls_ca_file", "redpanda_tls_cert_file", "redpanda_tls_key_file")
    }
    for name, path in files.items():
        if path and not protocol.endswith("SSL"):
            yield name, f"set, but {seen} encrypts nothing; make that SSL or SASL_SSL, or leave this empty"
        elif path and not Path(path).is_file():
            yield name, f"no file at {path}; give the path of a PEM file"
    if bool(settings.redpanda_tls_cert_file) != bool(settings.redpanda_tls_key_file):
        missing = "key" if settings.redpanda_tls_cert_file else "cert"
        yield f"redpanda_tls_{missing}_file", "not set; a certificate and its key go together"


def _place_conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    if Path(settings.log_file).is_dir():
        yield "log_file", f"{settings.log_file} is a folder; give the name of a file in it"
    if Path(settings.state_dir).is_file():
        yield "state_dir", f"{settings.state_dir} is a file; give a folder of the bridge's own"


def _terminal_conflicts(settings: Settings, file: EnvFile) -> Iterator[tuple[str, str]]:
    if settings.mt5_login is None:
        begin = " (with no # in front)" if file.path.exists() else " (copy .env.example to begin)"
        text = f"not set, needs the number of your trading account; write it into {file.path}{begin}"
        yield "mt5_login", f"{text}, or try the bridge without a terminal: --demo"
    if settings.mt5_password.get_secret_value() and not settings.mt5_server:
        text = "not set although MT5_PASSWORD is; give the server's name as the terminal's login shows it"
        yield "mt5_server", text
    if settings.mt5_path and sys.platform == "win32":
        check = validate_mt5_path(settings.mt5_path)
        if not check:
            yield "mt5_path", check.detail
