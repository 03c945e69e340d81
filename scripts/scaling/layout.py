"""How accounts are laid out on topics: all of them on three topics, or three topics each. Pure."""

from typing import Literal

from hybrid_bridge.settings import Settings, StreamSettings, TopicPlan

Layout = Literal["shared", "own"]
FIRST_LOGIN = 10_000_001
SHARED_TICK_PARTITIONS = 8


def login_of(number: int) -> str:
    """Return an account's name by its number."""
    return str(FIRST_LOGIN + number)


def tick_prefix(run: str) -> str:
    """Return what the names of all tick topics of a run begin with."""
    return f"{run}.ticks"


def signal_topic(run: str, layout: Layout, number: int) -> str:
    """Return the topic that an account's signals are read from."""
    return f"{run}.signals" if layout == "shared" else f"{run}.signals.{login_of(number)}"


def settings_of(bootstrap: str, run: str, layout: Layout, number: int) -> StreamSettings:
    """Return the settings of one account's clients."""
    login = login_of(number)
    end = "" if layout == "shared" else f".{login}"
    return StreamSettings(
        bootstrap_servers=bootstrap,
        tick_topic=tick_prefix(run) + end,
        signal_topic=signal_topic(run, layout, number),
        event_topic=f"{run}.events{end}",
        group_id=f"{run}.{login}",
        signal_max_age_s=60.0,
        account=login,
        login=login,
        compression=Settings.model_fields["redpanda_compression"].default,
        tick_plan=TopicPlan(SHARED_TICK_PARTITIONS if layout == "shared" else 1),
    )
