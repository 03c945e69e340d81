import io

from hybrid_bridge.terminal.operations import OPERATIONS, Priority
from hybrid_bridge.terminal.worker import Worker


def test_a_worker_can_do_every_operation_and_no_other():
    worker = Worker("none", io.BytesIO(), io.BytesIO())
    assert set(OPERATIONS) == set(worker._operations)


def test_orders_go_before_questions_and_questions_before_ticks():
    expected = [Priority.SUBMIT, Priority.APPRAISE, Priority.LOOK, Priority.REPORT, Priority.TICKS]
    assert expected == sorted(
        OPERATIONS[name].priority for name in ("ticks", "report", "look", "appraise", "submit")
    )


def test_an_order_never_waits_long_to_be_written():
    assert OPERATIONS["submit"].wait_s <= 1.0
