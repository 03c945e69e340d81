"""Reading and checking all settings at once: command line, environment, `.env`.

cli calls `load_settings` once. Nothing here is kept or changed after that one reading.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource

from hybrid_bridge.errors import ConfigurationError
from hybrid_bridge.settings.conflicts import find_conflicts
from hybrid_bridge.settings.file import EnvFile, read_env_file
from hybrid_bridge.settings.model import Settings
from hybrid_bridge.settings.problems import problem_text, sort_unknown

NOTHING: Mapping[str, object] = MappingProxyType({})
SECRETS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


def load_settings(env_file: Path | None = None, overrides: Mapping[str, object] = NOTHING) -> Settings:
    """Read and check every setting once.

    The command line (`overrides`) goes before the environment, the environment before the file. A setting
    left empty has its default.

    Args:
        env_file: what --env-file names; None for `.env` in the current folder, which may be absent.
        overrides: by setting name in lower case, taken as they are.
    Raises:
        ConfigurationError: listing every problem, one a line.
    """
    file, filled, environment = _read(env_file)
    names = set(Settings.model_fields)
    origins = _origins(file, environment, overrides)
    unknown, warnings = sort_unknown(sorted(set(file.values) - names), names, origins)
    settings, refused = _validate({**filled, **environment, **overrides}, origins)
    conflicts = {name: text for name, text in find_conflicts(settings, file) if name not in refused}
    problems = [
        *file.problems,
        *unknown,
        *refused.values(),
        *(f"{name.upper()}: {text}" for name, text in conflicts.items()),
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return settings.with_warnings(*warnings, *_doubts(environment))


def find_state_dir(env_file: Path | None = None) -> Path:
    """Return STATE_DIR, whatever else is wrong with the settings: an emergency stop cannot wait for them.

    Raises:
        ConfigurationError: when the file cannot be read or STATE_DIR itself cannot be used.
    """
    file, filled, environment = _read(env_file)
    settings, refused = _validate({**filled, **environment}, _origins(file, environment, NOTHING))
    if "state_dir" in refused:
        raise ConfigurationError(refused["state_dir"])
    return Path(settings.state_dir)


def look_up_settings(
    names: Collection[str], env_file: Path | None = None, *, joint: Collection[str] = ()
) -> Settings:
    """Return the settings for a command that only looks at some of them: no other needs to be right.

    Args:
        names: in lower case, those that are looked at.
        joint: those of them that must also go together with the others.
    Raises:
        ConfigurationError: when the file cannot be read or one of those cannot be used, or seems misspelt.
    """
    file, filled, environment = _read(env_file)
    origins = _origins(file, environment, NOTHING)
    settings, refused = _validate({**filled, **environment}, origins)
    misspelt, _ = sort_unknown(sorted(set(file.values) - set(Settings.model_fields)), names, origins)
    conflicts = {name: text for name, text in find_conflicts(settings, file) if name not in refused}
    problems = [
        *misspelt,
        *(text for name, text in refused.items() if name in names),
        *(f"{name.upper()}: {text}" for name, text in conflicts.items() if name in joint),
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return settings


def _read(env_file: Path | None) -> tuple[EnvFile, dict[str, str], dict[str, Any]]:
    """Return the file, what it sets, and what the environment sets."""
    file = read_env_file(env_file)
    environment: dict[str, Any] = EnvSettingsSource(Settings, env_ignore_empty=True)()
    environment = {name: _unquoted(name, value) for name, value in environment.items()}
    filled = {
        name: value for name, value in file.values.items() if name in Settings.model_fields and value.strip()
    }
    return file, filled, environment


def _unquoted(name: str, value: str) -> str:
    """Take off the quotation marks that `set NAME="value"` leaves in Windows' environment."""
    text = value.strip()
    if name not in SECRETS and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return value


def _origins(
    file: EnvFile, environment: Mapping[str, object], overrides: Mapping[str, object]
) -> dict[str, str]:
    return {
        **{name: f"line {line} of {file.path}" for name, line in file.lines.items()},
        **dict.fromkeys(environment, "the environment"),
        **dict.fromkeys(overrides, "the command line"),
    }


def _validate(values: dict[str, Any], origins: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """Return the settings, with defaults for refused values, and the refusals by name."""
    try:
        return Settings(**values), {}
    except ValidationError as error:
        details = error.errors(include_url=False)
    schemas = Settings.model_json_schema()["properties"]
    refused = {}
    for detail in details:
        name = str(detail["loc"][0])
        refused[name] = problem_text(detail, schemas.get(name, {}), origins[name], secret=name in SECRETS)
    kept = {name: value for name, value in values.items() if name not in refused}
    return Settings(**kept), refused


def _doubts(environment: Mapping[str, object]) -> Iterator[str]:
    """Yield what is odd but usable."""
    for name in sorted(SECRETS & set(environment)):
        text = str(environment[name])
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            yield (
                f"{name.upper()}: begins and ends with a quotation mark in the environment, "
                "which is taken as part of it"
            )
