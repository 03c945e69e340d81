"""What processes cost, looked at from outside: memory, and processor time over a while."""

import time

import psutil


class Load:
    """The cost of a process and its children between two looks."""

    def __init__(self, pid: int) -> None:
        """Take the first look."""
        self._process = psutil.Process(pid)
        self._started_s = time.monotonic()
        self._own_s, self._tree_s = self._cpu_s()

    def cpu_percent(self) -> tuple[float, float]:
        """Return the share of one core since the first look: of the process, and of the whole tree."""
        elapsed_s = time.monotonic() - self._started_s
        own_s, tree_s = self._cpu_s()
        return (own_s - self._own_s) / elapsed_s * 100, (tree_s - self._tree_s) / elapsed_s * 100

    def rss_mb(self) -> tuple[float, float]:
        """Return resident memory now: of the process, and of the whole tree (shared pages count in each)."""
        own = self._process.memory_info().rss
        children = sum(child.memory_info().rss for child in self._process.children(recursive=True))
        return own / 1024**2, (own + children) / 1024**2

    def _cpu_s(self) -> tuple[float, float]:
        own = _cpu_s(self._process)
        return own, own + sum(_cpu_s(child) for child in self._process.children(recursive=True))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
