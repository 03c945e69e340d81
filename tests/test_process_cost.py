"""What a run costs: memory of the process and its children, and the processor's share."""

import subprocess
import sys
import time

from hybrid_bridge.process_cost import ProcessCost


def test_children_count_in_the_tree_alone() -> None:
    before = ProcessCost().measure()
    child = subprocess.Popen(
        [sys.executable, "-c", "kept = bytearray(60_000_000); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    with_child = ProcessCost().measure()
    child.communicate(b"\n", timeout=10)

    assert with_child["tree_rss_mb"] - with_child["rss_mb"] > before["tree_rss_mb"] - before["rss_mb"] + 50
    assert with_child["rss_mb"] < before["rss_mb"] + 50


def test_only_work_counts_as_the_processor_s_share() -> None:
    idle = ProcessCost()
    time.sleep(0.2)
    assert idle.measure()["cpu_percent"] < 50
    busy = ProcessCost()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert busy.measure()["cpu_percent"] > 10
