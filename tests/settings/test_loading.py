"""What `load_settings` reads, in which order, and what it refuses, all at once."""

import itertools
import sys
from pathlib import Path

import pytest

from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.settings import Settings, load_settings, look_up_settings
from hybrid_bridge.settings.problems import written

EXAMPLE = Path(__file__).parents[2] / ".env.example"
LOGIN = "MT5_LOGIN=4711\n"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder without files and an environment without settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_env(text: str, encoding: str = "utf-8") -> Path:
    path = Path(".env").absolute()
    path.write_bytes(text.encode(encoding))
    return path


def problems(text: str = LOGIN, **overrides: object) -> list[str]:
    write_env(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_env(LOGIN + "TICK_RATE_HZ=1\nMT5_MAGIC=1\nSIM_SEED=1\n")
    monkeypatch.setenv("MT5_MAGIC", "2")
    monkeypatch.setenv("SIM_SEED", "2")
    settings = load_settings(None, {"sim_seed": 3})
    assert (settings.tick_rate_hz, settings.mt5_magic, settings.sim_seed) == (1.0, 2, 3)


def test_without_a_file_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MT5_LOGIN", "4711")
    assert load_settings().mt5_login == 4711


def test_a_file_named_on_the_command_line_replaces_the_usual_one() -> None:
    write_env(LOGIN)
    other = Path("demo account.env")
    other.write_text("MT5_LOGIN=12", encoding="utf-8")
    assert load_settings(other).mt5_login == 12


def test_a_file_named_on_the_command_line_must_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"--env-file: no file at .*absent\.env"):
        load_settings(Path("absent.env"))


def test_a_byte_order_mark_and_windows_line_ends_are_accepted() -> None:
    write_env("\ufeff" + LOGIN.replace("\n", "\r\n") + "MT5_SERVER=Bröker-Demo\r\n")
    settings = load_settings()
    assert (settings.mt5_login, settings.mt5_server) == (4711, "Bröker-Demo")


def test_a_setting_left_empty_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    write_env(LOGIN + "TICK_RATE_HZ=\nMAX_VOLUME=\nSYMBOLS=   # mine\n")
    monkeypatch.setenv("MAX_RISK_PERCENT", "")
    settings = load_settings()
    assert (settings.tick_rate_hz, settings.max_volume) == (10.0, None)
    assert settings.max_risk_percent == 2.0
    assert settings.symbols == ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")


def test_all_problems_are_listed_one_a_line_with_where_to_correct_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MT5_MAGIC", "0")
    found = problems("MAX_RISK_PERCENT=250\nTICK_RATE_HZ=fast\nnonsense here\n", sim_speed=-1)
    env = Path(".env").absolute()
    assert found == [
        f"line 3 of {env}: cannot be read as NAME=value; look for a quotation mark that is not closed",
        (
            "MT5_MAGIC: saw '0', accepts a whole number from 1 to 2147483647; "
            "correct it in the environment (default: 234000)"
        ),
        (
            f"TICK_RATE_HZ: saw 'fast', accepts a number above 0, at most 50; "
            f"correct it in line 2 of {env} (default: 10)"
        ),
        (
            f"MAX_RISK_PERCENT: saw '250', accepts a number above 0, at most 100; "
            f"correct it in line 1 of {env} (default: 2)"
        ),
        (
            "SIM_SPEED: saw '-1', accepts a number above 0, at most 10000; "
            "correct it in the command line (default: 1)"
        ),
        (
            f"MT5_LOGIN: not set, needs the number of your trading account; write it into {env} "
            "(with no # in front), or try the bridge without a terminal: --demo"
        ),
    ]


def test_a_misspelt_name_in_the_file_is_refused_with_the_name_that_was_meant() -> None:
    (only,) = problems(LOGIN + "MAX_RISK_PERCNT=1\n")
    assert only.startswith("MAX_RISK_PERCNT: no such setting; did you mean MAX_RISK_PERCENT? ")


def test_a_name_of_something_else_in_the_file_is_a_warning() -> None:
    path = write_env(LOGIN + "COMPOSE_PROJECT_NAME=x\n")
    assert f"COMPOSE_PROJECT_NAME: no such setting, so line 2 of {path} has no effect" in (
        load_settings().warnings
    )


def test_an_unknown_name_in_the_environment_is_nobodys_business(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_RISK_PERCNT", "1")
    write_env(LOGIN)
    assert load_settings().max_risk_percent == 2.0


def test_a_pause_after_losses_needs_a_number_of_losses() -> None:
    (only,) = problems(LOGIN + "COOLDOWN_MINUTES=30\n")
    assert only == (
        "COOLDOWN_MINUTES: pauses after MAX_CONSECUTIVE_LOSSES, which is not set; "
        "set that too, or leave this empty"
    )
    write_env(LOGIN + "COOLDOWN_MINUTES=30\nMAX_CONSECUTIVE_LOSSES=3\n")
    settings = load_settings()
    assert (settings.max_consecutive_losses, settings.cooldown_minutes) == (3, 30.0)


@pytest.mark.parametrize(
    ("line", "accepts"),
    [
        ("SLIPPAGE_RESERVE_POINTS=-1", "a number of at least 0"),
        ("ON_BREACH=close", "one of block, flatten"),
        ("BREACH_READINGS=0", "a whole number from 1 to 100"),
        ("MAX_EXPOSURE_PERCENT=0", "a number above 0, or nothing to leave it off"),
        ("MAX_CONSECUTIVE_LOSSES=0", "a whole number of at least 1, or nothing to leave it off"),
    ],
)
def test_a_limit_out_of_its_range_is_refused_with_the_range(line: str, accepts: str) -> None:
    (only,) = problems(f"{LOGIN}{line}\n")
    name, _, value = line.partition("=")
    assert only.startswith(f"{name}: saw '{value}', accepts {accepts}; correct it in line 2 of ")


def test_one_who_looks_at_some_settings_needs_no_other_to_be_right() -> None:
    path = write_env("TICK_RATE_HZ=fast\nMAX_VOLUME=3\nCOMPOSE_PROJECT_NAME=x\nMT5_PASSWRD=y\nnonsense\n")
    settings = look_up_settings(("max_volume", "state_dir"))
    assert (settings.max_volume, settings.state_dir) == (3.0, "state")
    with pytest.raises(ConfigurationError, match=r"\ATICK_RATE_HZ: saw 'fast'[^\n]*\Z"):
        look_up_settings(("tick_rate_hz",), path)


def test_one_who_looks_may_ask_that_some_go_together() -> None:
    write_env("REDPANDA_SECURITY_PROTOCOL=SSL\nREDPANDA_SASL_USERNAME=trader\nMT5_PASSWORD=x\n")
    names = ("redpanda_security_protocol", "redpanda_sasl_username")
    assert "SSL" == look_up_settings(names).redpanda_security_protocol
    with pytest.raises(ConfigurationError, match=r"\AREDPANDA_SASL_USERNAME: set, but [^\n]*\Z"):
        look_up_settings(names, joint=names)


def test_one_who_looks_is_told_of_a_name_that_seems_misspelt() -> None:
    write_env("MAX_VOLUM=3\n")
    with pytest.raises(ConfigurationError, match=r"MAX_VOLUM: no such setting; did you mean MAX_VOLUME\?"):
        look_up_settings(("max_volume",))


def test_the_terminal_needs_a_login_and_the_simulator_none() -> None:
    (only,) = problems("MT5_BACKEND=terminal\n")
    assert only.startswith("MT5_LOGIN: not set")
    write_env("MT5_BACKEND=simulator\n")
    assert load_settings().simulated
    write_env("SIMULATION_MODE=true\n")
    assert load_settings().simulated


def test_a_password_needs_a_server() -> None:
    (only,) = problems(LOGIN + "MT5_PASSWORD=abcdefgh\n")
    assert only.startswith("MT5_SERVER: not set although MT5_PASSWORD is")
    assert "abcdefgh" not in only


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("MT5_PASSWORD=a#b", "a#b"),
        ("MT5_PASSWORD='a #b\"c'", 'a #b"c'),
        ("MT5_PASSWORD=pre${MT5_LOGIN}$x", "pre${MT5_LOGIN}$x"),
        ("MT5_PASSWORD='${HOME}'", "${HOME}"),
    ],
)
def test_a_password_is_taken_as_it_stands(line: str, password: str) -> None:
    write_env(f"{LOGIN}MT5_SERVER=Demo\n{line}\n")
    assert load_settings().mt5_password.get_secret_value() == password


def test_secrets_show_in_no_error_and_no_repr() -> None:
    found = problems("MT5_LOGIN=x\nMT5_PASSWORD=hunter22\nBACKEND_AUTH_TOKEN=tok-99\nMT5_MAGIC=x\n")
    assert not [line for line in found if "hunter22" in line or "tok-99" in line]
    write_env(LOGIN + "MT5_SERVER=Demo\nMT5_PASSWORD=hunter22\nBACKEND_AUTH_TOKEN=tok-99\n")
    settings = load_settings()
    everything = f"{settings!r} {settings} {settings.terminal!r} {settings.control!r}"
    assert "hunter22" not in everything
    assert "tok-99" not in everything
    assert settings.secret_texts == ("hunter22", "tok-99")


def test_credentials_inside_an_address_show_in_no_error_and_are_secrets() -> None:
    (only,) = problems(LOGIN + "BACKEND_WS_URL=http://me:pw12@host/ws?token=t0k\n")
    assert only.startswith("BACKEND_WS_URL: saw 'http://***@host/ws?***', accepts an address like ws://")
    write_env(LOGIN + "BACKEND_WS_URL=ws://me:pw12@host/ws?token=t0k\n")
    assert load_settings().secret_texts == ("pw12", "t0k")


def test_quotation_marks_that_the_shell_left_are_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MT5_LOGIN", '"4711"')
    monkeypatch.setenv("MT5_SERVER", "'My Broker'")
    settings = load_settings()
    assert (settings.mt5_login, settings.mt5_server) == (4711, "My Broker")


def test_a_password_in_quotation_marks_in_the_environment_is_kept_and_mentioned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_env(LOGIN + "MT5_SERVER=Demo\n")
    monkeypatch.setenv("MT5_PASSWORD", '"abcdefgh"')
    settings = load_settings()
    assert settings.mt5_password.get_secret_value() == '"abcdefgh"'
    assert [one for one in settings.warnings if one.startswith("MT5_PASSWORD: begins and ends")]


def test_the_topics_must_differ() -> None:
    (only,) = problems(LOGIN + "REDPANDA_EVENT_TOPIC=trading_signals\n")
    assert only.startswith("REDPANDA_EVENT_TOPIC: saw 'trading_signals', which is REDPANDA_SIGNAL_TOPIC")


def test_a_tick_file_must_exist_when_ticks_are_simulated() -> None:
    Path("a.csv").touch()
    (only,) = problems("MT5_BACKEND=simulator\nSIM_TICKS=a.csv,b.csv\n")
    assert only == "SIM_TICKS: no file at b.csv; give tick files that exist, separated by commas"


def test_a_folder_is_no_log_file_and_a_file_no_state_folder() -> None:
    Path("logs").mkdir()
    Path("state").touch()
    found = problems(LOGIN + "LOG_FILE=logs\n")
    assert [line.partition(":")[0] for line in found] == ["LOG_FILE", "STATE_DIR"]


def test_a_refused_value_does_not_hide_what_is_wrong_between_the_others() -> None:
    found = problems("MT5_LOGIN=abc\nMT5_PASSWORD=abcdefgh\n")
    assert [line.partition(":")[0] for line in found] == ["MT5_LOGIN", "MT5_SERVER"]


def test_on_windows_the_terminal_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    (only,) = problems(LOGIN + 'MT5_PATH="C:\\nowhere\\terminal64.exe"\n')
    assert only.startswith("MT5_PATH: no file at C:\\nowhere\\terminal64.exe; set it to the terminal")


def example_values() -> dict[str, str]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    pairs = [line[1:].split("=", 1) for line in lines if line.startswith("#") and line[1:2].isupper()]
    return dict(pairs)


def test_the_example_names_every_setting_with_its_default() -> None:
    defaults = {
        name.upper(): "" if "SecretStr" in str(field.annotation) else written(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert defaults == example_values()


def test_every_setting_in_the_example_has_a_comment_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if line[1:2].isupper() and "=" in line and not above.startswith("# ")
    ]
    assert bare == []


def test_the_example_loads_as_it_is_and_with_every_default_written_out() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    write_env(text.replace("#MT5_LOGIN=", "MT5_LOGIN=4711"))
    as_it_is = load_settings()
    write_env("".join(f"{name}={value}\n" for name, value in example_values().items()))
    with pytest.raises(ConfigurationError, match=r"\AMT5_LOGIN: not set[^\n]*\Z"):
        load_settings()
    written_out = load_settings(None, {"mt5_login": 4711})
    expected = Settings(mt5_login=4711).model_dump()
    assert expected == as_it_is.model_dump() == written_out.model_dump()
