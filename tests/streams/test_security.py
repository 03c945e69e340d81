"""How the settings of TLS and SASL reach aiokafka."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from hybrid_bridge.settings import SecuritySettings
from hybrid_bridge.streams.security import security_options


def test_plain_text_brings_neither_certificates_nor_a_login() -> None:
    assert security_options(SecuritySettings()) == {"security_protocol": "PLAINTEXT"}


def test_a_login_is_handed_on() -> None:
    security = SecuritySettings("SASL_PLAINTEXT", "SCRAM-SHA-512", "trader", SecretStr("secret"))
    assert security_options(security) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "trader",
        "sasl_plain_password": "secret",
    }


def test_a_certificate_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    with pytest.raises(OSError, match=r"PEM|certificate"):
        security_options(SecuritySettings("SSL", ca_file=str(path)))
