"""Every setting with its kind and default, and the slices that the folders are handed.

A leaf of settings; others import these names from `hybrid_bridge.settings`. `Settings(...)` itself reads
nothing and checks each value alone. Secrets are SecretStr and show as asterisks wherever they are printed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hybrid_bridge.settings import fields as kinds


@dataclass(frozen=True, slots=True)
class TerminalSettings:
    """What the lanes need to reach the terminal and know it again."""

    backend: Literal["terminal", "simulator"]
    login: int | None
    password: SecretStr
    server: str
    path: str
    timeout_ms: int
    simulator_address: str
    server_utc_offset_s: int | None
    symbols: tuple[str, ...]
    tick_rate_hz: float
    tick_mode: Literal["all", "latest"]
    account_interval_s: float


NO_PASSWORD = SecretStr("")


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """How a connection to Redpanda is encrypted and who logs in on it.

    Attributes:
        mechanism: used by the SASL protocols alone, and so are username and password.
        ca_file: PEM; "" for the certificates that the operating system trusts.
        cert_file: PEM of the client's own certificate, "" for none; key_file belongs to it.
    """

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-256"
    username: str = ""
    password: SecretStr = NO_PASSWORD
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self.protocol.endswith("SSL")

    @property
    def authenticated(self) -> bool:
        """Whether somebody logs in."""
        return self.protocol.startswith("SASL")


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How a topic is made where it is absent; one that exists keeps its own.

    Attributes:
        retention_h: hours that a message is kept, 0 for ever.
    """

    partitions: int = 1
    retention_h: int = 168


PLAIN_TEXT = SecuritySettings()
TICK_PLAN = TopicPlan(partitions=4)
ORDERED_PLAN = TopicPlan()  # All messages of a topic in one order.


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What the Redpanda clients need.

    Attributes:
        account: whose ticks and events these are, as the header `account` says.
        login: the account as a sender of signals names it, "" when none is set.
        state_dir: the folder of what must not be forgotten; None keeps nothing.
    """

    bootstrap_servers: str
    tick_topic: str
    signal_topic: str
    event_topic: str
    group_id: str
    signal_max_age_s: float
    account: str = "simulator"
    login: str = ""
    state_dir: Path | None = None
    security: SecuritySettings = PLAIN_TEXT
    compression: Literal["none", "gzip", "lz4", "zstd"] = "none"
    tick_plan: TopicPlan = TICK_PLAN
    signal_plan: TopicPlan = ORDERED_PLAN
    event_plan: TopicPlan = ORDERED_PLAN


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """What the WebSocket client needs."""

    ws_url: str
    auth_token: SecretStr


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where logs go and how much of them is kept."""

    file: Path
    level: str
    max_bytes: int
    backups: int


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated terminal behaves when the bridge starts one."""

    ticks: tuple[str, ...]
    speed: float
    seed: int
    balance: float
    account_mode: Literal["hedging", "netting"]
    order_latency_ms: float
    faults: str


class Settings(BaseSettings):
    """Every setting under its public name, in lower case here, in upper case outside."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True
    )

    mt5_login: Annotated[int, Field(gt=0)] | None = None
    mt5_password: SecretStr = SecretStr("")
    mt5_server: str = ""
    mt5_path: kinds.Path = ""
    mt5_backend: Annotated[Literal["terminal", "simulator"], kinds.LOWER] = "terminal"
    mt5_timeout_ms: Annotated[int, Field(ge=1_000, le=600_000)] = 60_000
    mt5_magic: Annotated[int, Field(ge=1, le=kinds.MAGIC_MAX)] = 234_000
    mt5_server_utc_offset: kinds.UtcOffset = "auto"
    symbols: kinds.Symbols = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
    tick_rate_hz: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)] = 10.0
    tick_mode: Annotated[Literal["all", "latest"], kinds.LOWER] = "all"
    account_interval_s: kinds.Seconds = 5.0

    backend_ws_url: kinds.WebSocketUrl = "ws://localhost:8000/ws/mt5"
    backend_api_url: kinds.HttpUrl = "http://localhost:8000/api"
    backend_auth_token: SecretStr = SecretStr("")

    redpanda_bootstrap_servers: kinds.Servers = "localhost:9092"
    redpanda_tick_topic: kinds.Topic = "market_ticks"
    redpanda_signal_topic: kinds.Topic = "trading_signals"
    redpanda_event_topic: kinds.Topic = "trading_events"
    redpanda_group_id: str = ""
    redpanda_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], kinds.UPPER
    ] = "PLAINTEXT"
    redpanda_sasl_mechanism: Annotated[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], kinds.UPPER] = (
        "SCRAM-SHA-256"
    )
    redpanda_sasl_username: str = ""
    redpanda_sasl_password: SecretStr = SecretStr("")
    redpanda_tls_ca_file: kinds.Path = ""
    redpanda_tls_cert_file: kinds.Path = ""
    redpanda_tls_key_file: kinds.Path = ""
    redpanda_compression: Annotated[Literal["none", "gzip", "lz4", "zstd"], kinds.LOWER] = "zstd"
    redpanda_tick_partitions: kinds.Partitions = 4
    redpanda_signal_partitions: kinds.Partitions = 1
    redpanda_event_partitions: kinds.Partitions = 1
    redpanda_tick_retention_hours: kinds.RetentionHours = 168
    redpanda_signal_retention_hours: kinds.RetentionHours = 168
    redpanda_event_retention_hours: kinds.RetentionHours = 168

    trading_enabled: bool = False
    emergency_stop: bool = False
    emergency_close_positions: bool = False
    allow_remote_resume: bool = False
    signal_max_age_s: kinds.Seconds = 5.0
    duplicate_window_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 1.0
    max_quote_age_s: kinds.Seconds = 5.0
    max_spread_points: kinds.Positive | None = None
    max_price_drift_points: kinds.Positive | None = None
    require_stop_loss: bool = True
    max_volume: kinds.Positive | None = None
    max_risk_percent: kinds.Percent = 2.0
    oversized: Annotated[Literal["reduce", "deny"], kinds.LOWER] = "reduce"
    max_open_risk_percent: kinds.Percent | None = None
    max_daily_trades: Annotated[int, Field(ge=0, le=100_000)] = 10
    max_daily_loss_percent: kinds.Percent | None = None
    max_drawdown_percent: kinds.Percent | None = None
    max_open_positions: kinds.Count | None = None
    max_positions_per_symbol: kinds.Count | None = None
    max_exposure_percent: kinds.Positive | None = None
    min_margin_level_percent: kinds.Positive | None = None
    max_orders_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 120
    max_consecutive_losses: kinds.Count | None = None
    cooldown_minutes: Annotated[float, Field(gt=0, le=10_080, allow_inf_nan=False)] | None = None
    slippage_reserve_points: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    on_breach: Annotated[Literal["block", "flatten"], kinds.LOWER] = "block"
    breach_readings: Annotated[int, Field(ge=1, le=100)] = 3

    keep_awake: bool = True

    state_dir: kinds.Path = "state"
    journal_retention_days: kinds.RetentionDays = 90
    log_file: kinds.Path = "mt5_bridge.log"
    log_level: kinds.Level = "INFO"
    log_max_bytes: Annotated[int, Field(ge=10_000)] = 10_000_000
    log_backups: Annotated[int, Field(ge=1, le=1000)] = 5
    debug_mode: bool = False

    simulation_mode: bool = False
    sim_address: kinds.Address = ""
    sim_ticks: kinds.Texts = ()
    sim_speed: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] = 1.0
    sim_seed: int = 1
    sim_balance: kinds.Positive = 10_000.0
    sim_account_mode: Annotated[Literal["hedging", "netting"], kinds.LOWER] = "hedging"
    sim_order_latency_ms: Annotated[float, Field(ge=0, le=600_000, allow_inf_nan=False)] = 0.0
    sim_faults: str = ""

    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the values come from the caller alone; `load_settings` does the reading."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd but harmless when the settings were read, each a sentence for the log."""
        return self._warnings

    def with_warnings(self, *warnings: str) -> "Settings":
        """Return the same settings that carry these warnings."""
        copy = self.model_copy()
        copy._warnings = warnings
        return copy

    @property
    def secret_texts(self) -> tuple[str, ...]:
        """Every text that must never be shown, for the log's mask."""
        url = urlsplit(self.backend_ws_url)
        found = [
            self.mt5_password.get_secret_value(),
            self.backend_auth_token.get_secret_value(),
            self.redpanda_sasl_password.get_secret_value(),
            url.password or "",
            *(value for _, value in parse_qsl(url.query)),
        ]
        return tuple(text for text in found if text)

    @property
    def simulated(self) -> bool:
        """Whether the lanes talk to the simulated terminal."""
        return self.simulation_mode or self.mt5_backend == "simulator"

    @property
    def account(self) -> str:
        """The name under which an account's journal, cursors and ticks are kept.

        What was traded on the simulated terminal is no part of a real account's history, whatever MT5_LOGIN
        says.
        """
        if not self.simulated:
            return str(self.mt5_login)
        return "simulator" if self.mt5_login is None else f"simulator-{self.mt5_login}"

    @property
    def terminal(self) -> TerminalSettings:
        """The slice for terminal/."""
        offset = self.mt5_server_utc_offset
        return TerminalSettings(
            backend="simulator" if self.simulated else "terminal",
            login=self.mt5_login,
            password=self.mt5_password,
            server=self.mt5_server,
            path=self.mt5_path,
            timeout_ms=self.mt5_timeout_ms,
            simulator_address=self.sim_address,
            server_utc_offset_s=None if offset == "auto" else int(offset),
            symbols=self.symbols,
            tick_rate_hz=self.tick_rate_hz,
            tick_mode=self.tick_mode,
            account_interval_s=self.account_interval_s,
        )

    @property
    def streams(self) -> StreamSettings:
        """The slice for streams/."""
        return StreamSettings(
            bootstrap_servers=self.redpanda_bootstrap_servers,
            tick_topic=self.redpanda_tick_topic,
            signal_topic=self.redpanda_signal_topic,
            event_topic=self.redpanda_event_topic,
            group_id=self.redpanda_group_id or f"hybrid-bridge-{self.mt5_login or 'simulator'}",
            signal_max_age_s=self.signal_max_age_s,
            account=self.account,
            login=str(self.mt5_login or ""),
            state_dir=Path(self.state_dir),
            security=self._security,
            compression=self.redpanda_compression,
            tick_plan=TopicPlan(self.redpanda_tick_partitions, self.redpanda_tick_retention_hours),
            signal_plan=TopicPlan(self.redpanda_signal_partitions, self.redpanda_signal_retention_hours),
            event_plan=TopicPlan(self.redpanda_event_partitions, self.redpanda_event_retention_hours),
        )

    @property
    def _security(self) -> SecuritySettings:
        return SecuritySettings(
            self.redpanda_security_protocol,
            self.redpanda_sasl_mechanism,
            self.redpanda_sasl_username,
            self.redpanda_sasl_password,
            self.redpanda_tls_ca_file,
            self.redpanda_tls_cert_file,
            self.redpanda_tls_key_file,
        )

    @property
    def control(self) -> ControlSettings:
        """The slice for control/."""
        return ControlSettings(self.backend_ws_url, self.backend_auth_token)

    @property
    def logs(self) -> LogSettings:
        """The slice for logs."""
        level = "DEBUG" if self.debug_mode else self.log_level
        return LogSettings(Path(self.log_file), level, self.log_max_bytes, self.log_backups)

    @property
    def simulator(self) -> SimulatorSettings:
        """The slice for the simulated terminal's process."""
        return SimulatorSettings(
            self.sim_ticks,
            self.sim_speed,
            self.sim_seed,
            self.sim_balance,
            self.sim_account_mode,
            self.sim_order_latency_ms,
            self.sim_faults,
        )
