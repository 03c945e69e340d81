"""Settings that are each acceptable and do not go together: each is named, with what to do."""

from pathlib import Path

import pytest

from hybrid_bridge.settings import Settings
from hybrid_bridge.settings.conflicts import find_conflicts
from hybrid_bridge.settings.file import EnvFile


def conflicts(**settings: object) -> dict[str, str]:
    file = EnvFile(Path("absent.env"), {}, {}, ())
    return dict(find_conflicts(Settings(simulation_mode=True, **settings), file))


def test_what_is_set_by_default_goes_together() -> None:
    assert conflicts() == {}


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_a_login_needs_a_name_and_a_password(protocol: str) -> None:
    text = f"not set, but REDPANDA_SECURITY_PROTOCOL={protocol} logs in; set it"
    missing = {"redpanda_sasl_username": text, "redpanda_sasl_password": text}
    assert conflicts(redpanda_security_protocol=protocol) == missing
    complete = {"redpanda_sasl_username": "trader", "redpanda_sasl_password": "secret"}
    assert conflicts(redpanda_security_protocol=protocol, **complete) == {}


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_password_that_is_never_used_is_named_and_not_shown(protocol: str) -> None:
    found = conflicts(redpanda_security_protocol=protocol, redpanda_sasl_password="hunter2")
    assert found == {
        "redpanda_sasl_password": f"set, but REDPANDA_SECURITY_PROTOCOL={protocol} logs nobody in; make that"
        " SASL_SSL (SASL_PLAINTEXT where nothing is encrypted), or leave this empty"
    }


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_a_certificate_that_is_never_used_is_named(protocol: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.touch()
    found = conflicts(redpanda_security_protocol=protocol, redpanda_tls_ca_file=str(path))
    assert found["redpanda_tls_ca_file"] == (
        f"set, but REDPANDA_SECURITY_PROTOCOL={protocol} encrypts nothing; make that SSL or SASL_SSL,"
        " or leave this empty"
    )


def test_certificates_must_be_there_and_come_with_their_keys(tmp_path: Path) -> None:
    absent, there = str(tmp_path / "absent.pem"), tmp_path / "there.pem"
    there.touch()
    found = conflicts(redpanda_security_protocol="SSL", redpanda_tls_ca_file=absent)
    assert found == {"redpanda_tls_ca_file": f"no file at {absent}; give the path of a PEM file"}
    found = conflicts(redpanda_security_protocol="SSL", redpanda_tls_cert_file=str(there))
    assert found == {"redpanda_tls_key_file": "not set; a certificate and its key go together"}
    found = conflicts(redpanda_security_protocol="SSL", redpanda_tls_key_file=str(there))
    assert found == {"redpanda_tls_cert_file": "not set; a certificate and its key go together"}


def test_no_signal_outlives_the_memory_of_it() -> None:
    refused = conflicts(journal_retention_days=7, redpanda_signal_retention_hours=169)
    assert refused == {
        "redpanda_signal_retention_hours": "longer than JOURNAL_RETENTION_DAYS, which is 168 hours: a signal"
        " that is read again would not be known any more; lower this or raise that"
    }
    assert "redpanda_signal_retention_hours" in conflicts(redpanda_signal_retention_hours=0)
    assert conflicts(journal_retention_days=7, redpanda_signal_retention_hours=168) == {}
    assert conflicts(journal_retention_days=0, redpanda_signal_retention_hours=0) == {}
