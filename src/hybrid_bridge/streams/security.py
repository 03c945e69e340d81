"""TLS and SASL: the settings as aiokafka's clients take them.

Owns how certificates are read and checked. Opens no connection. Called wherever a client is built.
"""

import ssl
from typing import Any

from hybrid_bridge.settings import SecuritySettings


def security_options(security: SecuritySettings) -> dict[str, Any]:
    """Return the keyword arguments that tell an aiokafka client how to connect and as whom.

    Raises:
        OSError: when a certificate cannot be read or used.
    """
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.encrypted:
        options["ssl_context"] = tls_context(security)
    if security.authenticated:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value()
    return options


def tls_context(security: SecuritySettings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and name.

    Raises:
        OSError: when a certificate cannot be read or used.
    """
    context = ssl.create_default_context(cafile=security.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if security.cert_file:
        context.load_cert_chain(security.cert_file, security.key_file)
    return context
