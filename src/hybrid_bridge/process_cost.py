"""What a run of the bridge costs the computer: memory and the processor's share.

The summary makes one at the start and asks it at the end. psutil is loaded only then: a daemon that runs for
weeks need not carry it.
"""

import time


class ProcessCost:
    """What this process and its children cost since this object was made."""

    def __init__(self) -> None:
        """Start to measure."""
        self._started_s = time.monotonic()
        self._cpu_s = time.process_time()

    def measure(self) -> dict[str, float]:
        """Return memory now and the processor's share since the start.

        Returns:
            rss_mb and tree_rss_mb (the children included; pages shared between them count in each),
            cpu_percent of one core, this process alone.
        """
        elapsed_s = max(time.monotonic() - self._started_s, 1e-9)
        cpu_s = time.process_time() - self._cpu_s
        rss, tree_rss = _rss()
        return {
            "rss_mb": round(rss / 1024**2, 1),
            "tree_rss_mb": round(tree_rss / 1024**2, 1),
            "cpu_percent": round(cpu_s / elapsed_s * 100, 1),
        }


def _rss() -> tuple[int, int]:
    """Return the bytes resident of this process, and of it and its children."""
    import psutil

    process = psutil.Process()
    own = total = int(process.memory_info().rss)
    for child in process.children(recursive=True):
        try:
            total += int(child.memory_info().rss)
        except psutil.Error:  # it has just ended
            continue
    return own, total
