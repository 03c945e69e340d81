import io
import re

from hybrid_bridge.terminal import operations
from hybrid_bridge.terminal.diagnosis.operations import DIAGNOSIS
from hybrid_bridge.terminal.lane import IDENTITY_AFTER_S
from hybrid_bridge.terminal.operations import OPERATIONS, Priority
from hybrid_bridge.terminal.worker import Worker


def test_a_worker_can_do_every_operation_and_no_other():
    worker = Worker("none", io.BytesIO(), io.BytesIO())
    assert {*OPERATIONS, *(made.name for made in DIAGNOSIS)} == set(worker._operations)


def test_orders_go_before_questions_and_questions_before_ticks():
    expected = [Priority.SUBMIT, Priority.APPRAISE, Priority.LOOK, Priority.REPORT, Priority.TICKS]
    assert expected == sorted(
        OPERATIONS[name].priority for name in ("ticks", "report", "look", "appraise", "submit")
    )


def documented_deadlines():
    """Read the table in the module's own words: operation, deadline, wait."""
    assert operations.__doc__ is not None
    table = operations.__doc__.partition("operation  deadline  wait")[2]
    rows = re.findall(r"^    (\w+) +(\d+) +(\d+) +\w", table, re.MULTILINE)
    return {name: (float(deadline), float(wait)) for name, deadline, wait in rows}


def test_every_operation_has_its_deadlines_in_one_table_with_their_reason():
    expected = {name: (made.timeout_s, made.wait_s) for name, made in OPERATIONS.items()}
    assert expected == documented_deadlines()


def test_the_look_of_an_idle_lane_is_over_before_anything_else_would_be():
    others = [made.timeout_s for name, made in OPERATIONS.items() if name != "identity"]
    assert OPERATIONS["identity"].timeout_s < min(others)


def test_the_look_of_an_idle_lane_never_comes_between_an_appraisal_and_its_order():
    assert OPERATIONS["appraise"].shows_account
    assert IDENTITY_AFTER_S > OPERATIONS["appraise"].wait_s


def test_an_order_never_waits_long_to_be_written():
    assert OPERATIONS["submit"].wait_s <= 1.0
