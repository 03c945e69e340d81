"""Certificates made on the spot: an authority of the test's own, and what it signs.

Used by the tests that speak TLS. Everything is for 127.0.0.1 and localhost unless it says otherwise.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization as pem

OWN_NAMES = ("127.0.0.1", "localhost")
LONG_AGO = datetime.now(UTC) - timedelta(days=30)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """PEM files.

    Attributes:
        cert_file: the certificate and its chain.
        key_file: its key in PKCS #8.
        both_file: key and certificate in one, as a server of Kafka wants them.
    """

    cert_file: Path
    key_file: Path
    both_file: Path


class Authority:
    """Who signs certificates.

    Attributes:
        ca_file: PEM of its own certificate, for those who trust it.
    """

    def __init__(self, folder: Path, name: str = "ca", ca: trustme.CA | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ca = ca or trustme.CA(organization_name=name)
        self._folder = folder
        self.ca_file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def subordinate(self, folder: Path) -> "Authority":
        """Return an authority that this one has signed."""
        return Authority(folder, "subordinate", self._ca.create_child_ca())

    def issue(
        self,
        file: str,
        *names: str,
        common_name: str | None = None,
        expired: bool = False,
        passphrase: bytes = b"",
    ) -> Certificate:
        """Sign a certificate.

        Args:
            file: begin of the files' names; existing ones are replaced.
            names: host names and addresses, this PC's own where none is given.
            expired: valid for a month until yesterday.
            passphrase: encrypts the key where it is not empty.
        """
        dates = (LONG_AGO, YESTERDAY) if expired else (None, None)
        leaf = self._ca.issue_cert(
            *(names or OWN_NAMES), common_name=common_name, not_before=dates[0], not_after=dates[1]
        )
        key = pem.load_pem_private_key(leaf.private_key_pem.bytes(), None).private_bytes(
            pem.Encoding.PEM,
            pem.PrivateFormat.PKCS8,
            pem.BestAvailableEncryption(passphrase) if passphrase else pem.NoEncryption(),
        )
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        made = Certificate(*(self._folder / f"{file}.{part}.pem" for part in ("cert", "key", "both")))
        made.cert_file.write_bytes(chain)
        made.key_file.write_bytes(key)
        made.both_file.write_bytes(key + chain)
        return made
