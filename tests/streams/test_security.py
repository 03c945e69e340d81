"""How the settings of TLS and SASL reach aiokafka, and what is said of certificates that cannot be used."""

import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.certificates import LONG_AGO, YESTERDAY, Authority, Certificate

from hybrid_bridge.settings import SecuritySettings
from hybrid_bridge.streams import security as module
from hybrid_bridge.streams.security import CertificateUnusable, security_options, tls_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> Certificate:
    return authority.issue("own", "trader")


def tls(ca_file: Path | str = "", cert_file: Path | str = "", key_file: Path | str = "") -> SecuritySettings:
    return SecuritySettings("SSL", ca_file=str(ca_file), cert_file=str(cert_file), key_file=str(key_file))


def words(security: SecuritySettings) -> str:
    with pytest.raises(CertificateUnusable) as raised:
        security_options(security)
    assert f"{raised.value.cause}; {raised.value.mend}" == str(raised.value)
    return str(raised.value)


def shakes_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> bool:
    """Tell whether a client and a server agree, without a network."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    done = [False, False]
    for _ in range(10):
        for number, side in enumerate(sides):
            try:
                side.do_handshake()
                done[number] = True
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return all(done)


def server_of(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.both_file)
    return context


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


class TestWhomTheClientTrusts:
    def test_a_certificate_of_the_authority_for_the_name_asked_for(self, authority: Authority) -> None:
        context = tls_context(tls(authority.ca_file))
        assert shakes_hands(
            context, server_of(authority.issue("right", "broker.example.com")), "broker.example.com"
        )

    @pytest.mark.parametrize(("name", "expired"), [("elsewhere.example.com", False), ("localhost", True)])
    def test_neither_another_name_nor_an_old_certificate(
        self, authority: Authority, name: str, expired: bool
    ) -> None:
        server = server_of(authority.issue("wrong", name, expired=expired))
        assert not shakes_hands(tls_context(tls(authority.ca_file)), server)

    def test_nobody_else_once_an_authority_is_named(self, authority: Authority, tmp_path: Path) -> None:
        stranger = Authority(tmp_path, "stranger")
        context = tls_context(tls(authority.ca_file))
        assert not shakes_hands(context, server_of(stranger.issue("server")))

    def test_what_the_operating_system_trusts_where_none_is_named(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_SYSTEM", module._System())
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
        assert shakes_hands(tls_context(tls()), server_of(authority.issue("server")))

    def test_what_the_operating_system_trusts_is_not_read_for_every_client(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_SYSTEM", module._System())
        first = tls_context(tls())
        assert tls_context(tls()) is first
        monkeypatch.setattr(module, "SYSTEM_LIFE_S", -1.0)
        assert tls_context(tls()) is not first

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_no_version_of_tls_that_is_broken(self, authority: Authority, version: ssl.TLSVersion) -> None:
        assert tls_context(tls(authority.ca_file)).minimum_version > version

    @pytest.mark.not_on_windows("Windows brings no openssl")
    def test_an_authority_that_plain_openssl_made(self, tmp_path: Path) -> None:
        """It has no identifier of its authority, which Python 3.13 would refuse by itself."""
        made = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "both.pem")
        request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        extra = ["-addext", "subjectAltName=DNS:localhost", "-addext", "authorityKeyIdentifier=none"]
        files = ["-keyout", str(made.key_file), "-out", str(made.cert_file)]
        subprocess.run([*request.split(), *extra, *files], check=True, capture_output=True)
        made.both_file.write_bytes(made.key_file.read_bytes() + made.cert_file.read_bytes())

        context = tls_context(tls(made.cert_file))
        assert shakes_hands(context, server_of(made))
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT

    def test_an_authority_that_is_not_the_last_of_its_chain(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        lower = authority.subordinate(tmp_path)
        server = server_of(lower.issue("server"))
        assert shakes_hands(tls_context(tls(lower.ca_file)), server)
        assert shakes_hands(tls_context(tls(authority.ca_file)), server)

    def test_a_file_with_a_byte_order_mark_and_words_between(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        path = tmp_path / "ca.pem"
        text = authority.ca_file.read_text()
        path.write_text(f"Főtanúsítvány\r\n{text}\r\n# Zertifikat für später\r\n{text}", encoding="utf-8-sig")
        assert shakes_hands(tls_context(tls(path)), server_of(authority.issue("server")))

    def test_a_file_renewed_on_the_disk_from_the_next_client_on(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        server, path = server_of(authority.issue("server")), tmp_path / "ca.pem"
        path.write_bytes(Authority(tmp_path, "stranger").ca_file.read_bytes())
        assert not shakes_hands(tls_context(tls(path)), server)
        path.write_bytes(authority.ca_file.read_bytes())
        assert shakes_hands(tls_context(tls(path)), server)


class TestTheClientsOwnCertificate:
    def test_it_is_shown_to_a_server_that_asks(self, authority: Authority, own: Certificate) -> None:
        server = server_of(authority.issue("server"))
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(authority.ca_file)
        assert shakes_hands(tls_context(tls(authority.ca_file, own.cert_file, own.key_file)), server)

    def test_key_and_certificate_may_be_in_one_file(self, authority: Authority, own: Certificate) -> None:
        assert tls_context(tls(authority.ca_file, own.both_file, own.both_file))


class TestWordsForFilesThatCannotBeUsed:
    def test_no_certificate_in_it(self, own: Certificate) -> None:
        assert words(tls(own.key_file)) == (
            f"REDPANDA_TLS_CA_FILE: {own.key_file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----);"
            " convert it with openssl if it is in DER, PFX (PKCS #12) or a Java key store"
        )

    def test_another_format(self, authority: Authority, tmp_path: Path) -> None:
        path = tmp_path / "ca.der"
        path.write_bytes(ssl.PEM_cert_to_DER_cert(authority.ca_file.read_text()))
        assert "holds no certificate in PEM" in words(tls(path))

    @pytest.mark.parametrize("place", ["ca", "cert", "key"])
    def test_gone(self, own: Certificate, tmp_path: Path, place: str) -> None:
        path = tmp_path / "gone.pem"
        right = {"cert_file": own.cert_file, "key_file": own.key_file}
        said = words(tls(**({f"{place}_file": path} if place == "ca" else right | {f"{place}_file": path})))
        assert said == (
            f"REDPANDA_TLS_{place.upper()}_FILE: {path} cannot be read (No such file or directory);"
            " give a PEM file that the bridge's user may read"
        )

    def test_a_folder(self, tmp_path: Path) -> None:
        why = "Permission denied" if sys.platform == "win32" else "Is a directory"
        assert f"{tmp_path} cannot be read ({why})" in words(tls(tmp_path))

    @pytest.mark.parametrize("cut", [40, 200])
    def test_damaged(self, authority: Authority, tmp_path: Path, cut: int) -> None:
        path = tmp_path / "ca.pem"
        lines = authority.ca_file.read_text().splitlines()
        kept = "".join(lines[1:-1])[: -cut // 4 * 4]
        path.write_text("\n".join([lines[0], kept, lines[-1]]))
        assert f"a certificate in {path} is damaged" in words(tls(path))

    def test_damaged_at_its_begin(self, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        path.write_text("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
        assert words(tls(path)) == f"REDPANDA_TLS_CA_FILE: a certificate in {path} is damaged; copy it anew"

    def test_authorities_all_of_which_have_expired(self, authority: Authority, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        old = authority.issue("old", expired=True).cert_file.read_bytes()
        path.write_bytes(old)
        assert words(tls(path)) == (
            f"REDPANDA_TLS_CA_FILE: what {path} holds expired at {YESTERDAY:%Y-%m-%d %H:%M} UTC;"
            " get the present certificate from whoever runs Redpanda"
        )
        path.write_bytes(old + authority.ca_file.read_bytes())
        assert tls_context(tls(path))

    def test_the_clients_own_certificate_has_expired(self, authority: Authority, tmp_path: Path) -> None:
        old = authority.issue("old", expired=True)
        said = words(tls(authority.ca_file, old.cert_file, old.key_file))
        assert said.startswith(
            f"REDPANDA_TLS_CERT_FILE: the certificate in {old.cert_file} expired at"
            f" {YESTERDAY:%Y-%m-%d %H:%M} UTC, and this PC's clock says "
        )
        assert said.endswith("; have it renewed, or set the clock")

    def test_a_key_without_a_key(self, own: Certificate) -> None:
        said = words(tls("", own.cert_file, own.cert_file))
        assert f"REDPANDA_TLS_KEY_FILE: {own.cert_file} holds no private key in PEM; convert it" in said

    def test_an_encrypted_key_and_nobody_is_asked_for_its_passphrase(self, authority: Authority) -> None:
        own = authority.issue("encrypted", passphrase=b"not to be asked for")
        assert words(tls(authority.ca_file, own.cert_file, own.key_file)) == (
            f"REDPANDA_TLS_KEY_FILE: the key in {own.key_file} is encrypted, and nobody is there to type its"
            f" passphrase; decrypt it (`openssl pkey -in {own.key_file} -out ...`) and let nobody but the"
            " bridge's user read it"
        )

    def test_a_key_of_another_certificate(self, authority: Authority, own: Certificate) -> None:
        other = authority.issue("other")
        assert words(tls(authority.ca_file, own.cert_file, other.key_file)) == (
            f"REDPANDA_TLS_KEY_FILE: the key in {other.key_file} does not belong to the certificate in"
            f" {own.cert_file} (REDPANDA_TLS_CERT_FILE); give the two that were made together"
        )

    def test_a_damaged_key(self, own: Certificate, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        path.write_text("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n")
        said = words(tls("", own.cert_file, path))
        assert f"REDPANDA_TLS_CERT_FILE: {own.cert_file} with {path} cannot be used (" in said


@pytest.mark.not_on_windows("Windows brings no openssl")
@pytest.mark.parametrize("expired", [True, False])
def test_the_dates_of_a_certificate_are_those_that_it_was_given(authority: Authority, expired: bool) -> None:
    text = authority.issue("dated", expired=expired).cert_file.read_text()
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-dates", "-dateopt", "iso_8601"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    begin, end = module._validity("", "", text[: text.index("-----END CERTIFICATE-----") + 26])
    assert shown.split("\n")[:2] == [
        f"notBefore={begin:%Y-%m-%d %H:%M:%S}Z",
        f"notAfter={end:%Y-%m-%d %H:%M:%S}Z",
    ]
    assert (begin.date() == LONG_AGO.date()) == expired


def test_the_dates_of_a_certificate_of_the_first_version_are_found_too(authority: Authority) -> None:
    """It does not say its version, which stands before all else."""
    der = ssl.PEM_cert_to_DER_cert(authority.ca_file.read_text())
    third = bytes.fromhex("a003020102")
    assert third in der[:20]
    first = ssl.DER_cert_to_PEM_cert(der.replace(third, b"", 1))
    assert module._validity("", "", authority.ca_file.read_text()) == module._validity("", "", first)
