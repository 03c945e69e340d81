"""A Kafka broker that keeps its data, as a fixture for tests marked `kafka`.

Runs scripts/kafka, unless TEST_KAFKA_BOOTSTRAP names a broker (Redpanda, say) that runs already; tests
that kill the broker, or need one with TLS, logins and access lists, are then skipped. Import the fixtures
into the conftest of the folder that uses them.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import admin as kafka_admin
from pydantic import SecretStr
from tests.certificates import Authority

from hybrid_bridge.settings import SecuritySettings

SCRIPT = Path(__file__).parents[1] / "scripts" / "kafka"
REQUEST_TIMEOUT_S = 20.0


class KafkaBroker:
    """A broker process that can be killed and started again on the same port with the same data.

    Attributes:
        address: host:port.
    """

    def __init__(self, data: Path, *options: str) -> None:
        """Prepare a broker.

        Args:
            options: further ones of scripts/kafka.
        """
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.pid = 0
        self._data = data
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker if it does not run, and return once it listens."""
        if self._process is not None:
            return
        place = ["--port", str(self.port), "--data", str(self._data), "--die-with-parent"]
        log_path = self._data.parent / "kafka.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPT), *place, *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.kill()
            pytest.fail(log_path.read_text()[-2000:])
        self.pid = json.loads(line)["pid"]

    def kill(self) -> None:
        """End the broker as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


class SecureBroker(KafkaBroker):
    """A broker with a port for each way to encrypt and to log in, and with access lists.

    Through `address`, as `admin` and as `odd`, whose password is a trial, everything is permitted. The other
    users may do nothing before a test permits it. A client with a certificate is the user of its common name.

    Attributes:
        listeners: host:port by name: SSL, SASL_PLAINTEXT, SASL_SSL; MTLS is SSL that asks for a certificate
            signed by `authority`. What is odd about others is in their names: SSL-EXPIRED and SSL-ELSEWHERE
            show a certificate that has expired or is for another name, SASL_SSL-PLAIN knows no mechanism but
            PLAIN, at SASL_SSL-SHORT a login holds for a second, PLAINTEXT-AWAY and SSL-AWAY advertise `away`.
        away: an address that cannot be resolved.
        authority: signed the broker's own certificates, which are for 127.0.0.1 and localhost.
        passwords: by user.
    """

    away = "redpanda.invalid:9092"

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.passwords = {name: f"{name}-secret" for name in ("admin", "trader", "nobody")}
        self.passwords["odd"] = 'ä=€, %s "secret": \\n\'{}'
        odd = (
            "SSL-EXPIRED",
            "SSL-ELSEWHERE",
            "SASL_SSL-PLAIN",
            "SASL_SSL-SHORT",
            "PLAINTEXT-AWAY",
            "SSL-AWAY",
        )
        ports = {name: _free_port() for name in ("SSL", "MTLS", "SASL_PLAINTEXT", "SASL_SSL", *odd)}
        self.listeners = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        super().__init__(folder / "data", *(f"--{option}" for option in self._options_for(ports)))

    def _options_for(self, ports: dict[str, int]) -> Iterator[str]:
        """Yield options of scripts/kafka, each with its value."""
        yield f"tls-cert={self.authority.issue('broker').both_file}"
        yield f"tls-ca={self.authority.ca_file}"
        yield from ("authorize", "super-user=admin", "super-user=odd")
        yield from (f"listen={name}:{port}" for name, port in ports.items())
        yield from (f"user={name}:{password}" for name, password in self.passwords.items())
        yield from (f"advertise={name}={self.away}" for name in ports if name.endswith("-AWAY"))
        expired = self.authority.issue("expired", expired=True).both_file
        elsewhere = self.authority.issue("elsewhere", "broker.example.com").both_file
        yield f"set=listener.name.ssl-expired.ssl.keystore.location={expired}"
        yield f"set=listener.name.ssl-elsewhere.ssl.keystore.location={elsewhere}"
        yield "set=listener.name.sasl_ssl-plain.sasl.enabled.mechanisms=PLAIN"
        yield "set=broker.session.timeout.ms=9000"  # It hangs in tests; nobody kills it.
        yield "set=listener.name.sasl_ssl-short.scram-sha-256.connections.max.reauth.ms=1000"

    def permit(self, user: str, kind: str, name: str, *operations: str, prefix: bool = False) -> None:
        """Let a user do something.

        Args:
            kind: TOPIC, GROUP, TRANSACTIONAL_ID or BROKER, which is the cluster with the name kafka-cluster.
            operations: READ, WRITE, CREATE, DESCRIBE, DELETE, ALTER, IDEMPOTENT_WRITE, ALL ...
            prefix: `name` is the begin of the names meant.
        """
        client = kafka_admin.AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        pattern = (
            kafka_admin.ResourcePatternType.PREFIXED if prefix else kafka_admin.ResourcePatternType.LITERAL
        )
        wanted = [
            kafka_admin.AclBinding(
                kafka_admin.ResourceType[kind],
                name,
                pattern,
                f"User:{user}",
                "*",
                kafka_admin.AclOperation[operation],
                kafka_admin.AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        for done in client.create_acls(wanted, request_timeout=REQUEST_TIMEOUT_S).values():
            done.result()

    def forbid(self, user: str) -> None:
        """Take back everything that a user was permitted."""
        client = kafka_admin.AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        every = kafka_admin.AclBindingFilter(
            kafka_admin.ResourceType.ANY,
            None,
            kafka_admin.ResourcePatternType.ANY,
            f"User:{user}",
            None,
            kafka_admin.AclOperation.ANY,
            kafka_admin.AclPermissionType.ANY,
        )
        for done in client.delete_acls([every], request_timeout=REQUEST_TIMEOUT_S).values():
            done.result()

    def security(
        self, listener: str, mechanism: str = "SCRAM-SHA-256", user: str = "admin"
    ) -> SecuritySettings:
        """Return settings that are right for a listener; at MTLS the user shows a certificate."""
        word = listener.partition("-")[0]
        protocol = "SSL" if word == "MTLS" else word
        login = protocol.startswith("SASL")
        own = self.authority.issue(f"client-{user}", user, common_name=user) if word == "MTLS" else None
        return SecuritySettings(
            protocol,  # type: ignore[arg-type]
            mechanism,  # type: ignore[arg-type]
            user if login else "",
            SecretStr(self.passwords[user] if login else ""),
            str(self.authority.ca_file) if protocol.endswith("SSL") else "",
            str(own.cert_file) if own else "",
            str(own.key_file) if own else "",
        )


def _free_port() -> int:
    """Return a port that nothing listens on, below those that outgoing connections are given.

    Among those, a client that tries again and again while the broker is away may end up connected to itself.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _why_not() -> str:
    """Return why no broker can be run here, "" when one can."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    return done.stderr.strip()


def _skip_where_none_runs(given: str) -> None:
    """Skip the test where no broker can be started; `given` says why the one named will not do."""
    if os.environ.get("TEST_KAFKA_BOOTSTRAP"):
        pytest.skip(given)
    reason = _why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Run one broker for the whole session."""
    _skip_where_none_runs("kills its broker, which TEST_KAFKA_BOOTSTRAP does not permit")
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka") / "data")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def kafka_process(kafka_session: KafkaBroker) -> KafkaBroker:
    """Give a running broker that the test may kill."""
    kafka_session.start()
    return kafka_session


@pytest.fixture
def kafka_address(request: pytest.FixtureRequest) -> str:
    """Return the address of a broker that keeps its data."""
    given = os.environ.get("TEST_KAFKA_BOOTSTRAP")
    return given or str(request.getfixturevalue("kafka_process").address)


@pytest.fixture(scope="session")
def secure_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """Run one broker with TLS, logins and access lists for the whole session."""
    _skip_where_none_runs("needs a broker with ports of its own for TLS and logins, not TEST_KAFKA_BOOTSTRAP")
    broker = SecureBroker(tmp_path_factory.mktemp("secure"))
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def secure_broker(secure_session: SecureBroker) -> SecureBroker:
    """Give a running broker with TLS, logins and access lists."""
    secure_session.start()
    return secure_session
