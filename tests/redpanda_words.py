"""The table of docs/redpanda.md: every fault with its words and the tests that make it on purpose.

`python -m tests.redpanda_words` writes it into the page.
"""

import re
from pathlib import Path

from hybrid_bridge.findings import Words
from hybrid_bridge.streams.diagnosis.faults import FAULTS

PAGE = Path(__file__).parents[1] / "docs" / "redpanda.md"
HEAD = "| what is wrong | what to do | shown by |\n|---|---|---|\n"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"

# What stands for the names in braces.
SHOWN = {
    "address": "HOST:PORT",
    "age_s": "5",
    "asked": "HOST:PORT",
    "difference_s": "12.0",
    "group": "GROUP",
    "host": "HOST",
    "mechanism": "MECHANISM",
    "mend": "what stands there: it names the setting and the file",
    "offered": "MECHANISM",
    "principal": "User:NAME",
    "protocol": "PROTOCOL",
    "servers": "HOST:PORT",
    "topic": "TOPIC",
    "user": "user NAME",
}

_REACH = "tests/streams/diagnosis/test_reach.py::test_"
_CERTIFICATES = "tests/streams/diagnosis/test_certificates.py::test_"
_LOGIN = "tests/streams/diagnosis/test_login.py::test_"
_DIAGNOSIS = "tests/streams/diagnosis/test_causes.py::test_"
_PERMISSIONS = "tests/streams/diagnosis/test_permissions.py::test_"
_SAID = f"{_DIAGNOSIS}what_the_broker_says_itself_needs_no_look_at_the_network"

TESTS = {
    "name_unknown": f"{_REACH}a_name_that_does_not_resolve",
    "name_silent": f"{_REACH}a_name_server_that_does_not_answer",
    "tcp_refused": f"{_REACH}a_port_that_refuses",
    "tcp_silent": f"{_REACH}a_firewall_that_swallows_everything",
    "tcp_unreachable": f"{_REACH}an_address_without_a_way_to_it",
    "tls_files": f"{_DIAGNOSIS}a_certificate_that_cannot_be_used",
    "tls_not_spoken": f"{_REACH}a_broker_that_does_not_encrypt_spoken_to_by_tls",
    "tls_spoken": f"{_REACH}a_broker_that_encrypts_spoken_to_in_plain_text",
    "tls_unknown_authority": f"{_CERTIFICATES}an_authority_that_this_pc_does_not_know",
    "tls_wrong_name": f"{_CERTIFICATES}a_certificate_for_another_name",
    "tls_expired": f"{_CERTIFICATES}a_certificate_that_has_expired",
    "tls_too_early": f"{_CERTIFICATES}a_certificate_that_is_not_valid_yet",
    "tls_client_missing": f"{_CERTIFICATES}a_client_s_certificate_that_is_missing",
    "tls_client_refused": f"{_CERTIFICATES}a_client_s_certificate_that_the_broker_does_not_accept",
    "tls_version": f"{_CERTIFICATES}no_version_of_tls_in_common",
    "tls_failed": f"{_REACH}a_server_that_breaks_the_handshake_off",
    "tls_closed": f"{_REACH}a_broker_that_hangs_up_once_tls_is_agreed_upon",
    "kafka_silent": f"{_REACH}a_server_that_accepts_and_stays_silent",
    "kafka_closed": f"{_REACH}a_server_that_hangs_up_at_once",
    "kafka_other": f"{_REACH}a_server_that_speaks_something_else",
    "login_missing": f"{_LOGIN}a_listener_that_wants_a_login_spoken_to_without_one",
    "login_not_asked": f"{_LOGIN}a_login_at_a_listener_that_logs_nobody_in",
    "login_mechanism": f"{_LOGIN}a_mechanism_that_is_not_offered",
    "login_refused": f"{_LOGIN}a_wrong_password",
    "login_failed": f"{_LOGIN}a_login_that_breaks_off",
    "metadata_missing": f"{_LOGIN}a_broker_that_does_not_tell_of_its_cluster",
    "advertised": f"{_DIAGNOSIS}a_broker_in_docker_that_advertises_its_name_in_there",
    "advertised_other": f"{_DIAGNOSIS}a_broker_that_advertises_where_another_answers",
    "topic_forbidden": f"{_PERMISSIONS}a_user_who_may_do_nothing",
    "topic_absent": f"{_PERMISSIONS}a_topic_that_is_absent_and_may_not_be_made",
    "write_forbidden": f"{_PERMISSIONS}a_user_who_may_do_nothing",
    "read_forbidden": f"{_PERMISSIONS}a_user_who_may_do_nothing",
    "group_forbidden": f"{_PERMISSIONS}a_group_that_may_be_looked_at_and_not_used",
    "idempotent_forbidden": f"{_PERMISSIONS}a_user_who_may_do_nothing",
    "no_leader": f"{_PERMISSIONS}a_partition_that_no_broker_leads",
    "no_coordinator": f"{_PERMISSIONS}a_group_that_no_broker_takes_care_of",
    "batch_too_large": _SAID,
    "segment_too_small": _SAID,
    "too_few_replicas": _SAID,
    "codec_missing": _SAID,
    "batch_damaged": _SAID,
    "time_refused": _SAID,
    "disk_failed": _SAID,
    "clock_off": "tests/streams/diagnosis/test_round_trip.py::test_a_clock_that_is_off",
    "round_trip_failed": "tests/streams/diagnosis/test_round_trip.py::test_a_message_that_does_not_come_back",
    "unknown": f"{_DIAGNOSIS}an_error_that_nothing_explains_is_told_as_it_is",
}


def table() -> str:
    """Return the table as it stands in the page."""
    return HEAD + "".join(_row(words, TESTS[key]) for key, words in FAULTS.items())


def _row(words: Words, test: str) -> str:
    return f"| {_filled(words.cause)} | {_filled(words.mend)} | `{test}` |\n"


def _filled(text: str) -> str:
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda found: SHOWN[found[1]], text)


def written(page: str) -> str:
    """Return what stands in the page where the table belongs."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(before.replace(BEGIN + written(before), BEGIN + table()), encoding="utf-8")
