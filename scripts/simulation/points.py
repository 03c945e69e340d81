"""Where a kill can strike: every await of the executing and journalling code, every kind of journal write.

Owns the list, read from the source itself, and the finding of the place at which a suspended task stands.
"""

import ast
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

import hybrid_bridge
from hybrid_bridge.core import events

FOLDERS = ("execution", "journal")
WITHOUT_ORDERS = ("cursors",)  # How far ticks were published; no order is in it.
PHASES: tuple[Literal["before", "during", "after"], ...] = ("before", "during", "after")
SHOWN_CHARS = 70
OTHER_WRITES = ("messages", "delivered")

Span = tuple[int, int, int, int]


class Points:
    """The static list.

    Attributes:
        awaits: names of the awaits, in the order of the source.
        writes: names of the journal writes with their phases.
    """

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[Span, str]]] = {}
        names: dict[str, None] = {}
        source = Path(inspect.getfile(hybrid_bridge)).parent
        for folder in FOLDERS:
            for path in sorted((source / folder).glob("*.py")):
                if path.stem in WITHOUT_ORDERS:
                    continue
                spans = list(_awaits(path, f"{folder}/{path.stem}"))
                self._spans[str(path)] = spans
                names.update(dict.fromkeys(name for _, name in spans))
        self.awaits = tuple(names)
        kinds = [kind.__name__ for kind in events.Event.__args__] + list(OTHER_WRITES)
        self.writes = tuple(f"write {kind}: {phase}" for kind in kinds for phase in PHASES)
        self._known: dict[tuple[CodeType, int], str] = {}

    @property
    def all(self) -> tuple[str, ...]:
        """Every point."""
        return self.awaits + self.writes

    def standing_at(self, coroutine: Any) -> list[str]:
        """Return the points that a suspended coroutine and those it awaits stand at."""
        found = []
        while coroutine is not None:
            frame: FrameType | None = getattr(coroutine, "cr_frame", None)
            if frame is None:
                break
            name = self._name(frame)
            if name:
                found.append(name)
            coroutine = coroutine.cr_await
        return found

    def _name(self, frame: FrameType) -> str:
        code = frame.f_code
        key = (code, frame.f_lasti)
        name = self._known.get(key)
        if name is None:
            spans = self._spans.get(code.co_filename)
            name = _find(spans, code, frame.f_lasti) if spans and frame.f_lasti >= 0 else ""
            self._known[key] = name
        return name


@cache
def all_points() -> Points:
    """Read the source once."""
    return Points()


def _find(spans: Iterable[tuple[Span, str]], code: CodeType, instruction: int) -> str:
    """Return the await whose code this instruction is; the compiler gives both the same place."""
    line, end_line, column, end_column = list(code.co_positions())[instruction // 2]
    place = (line, end_line, column, end_column)
    return next((name for span, name in spans if span == place), "")


def _awaits(path: Path, module: str) -> Iterator[tuple[Span, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    for qualified, node in _within(tree, ""):
        if isinstance(node, ast.AsyncWith) and _is_timeout(node):
            continue  # Neither entering nor leaving it ever waits.
        if isinstance(node, ast.AsyncWith):
            text = "async with " + ", ".join(ast.unparse(item) for item in node.items)
        elif isinstance(node, ast.AsyncFor):
            text = f"async for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
        else:
            text = ast.unparse(node)
        name = f"{module}.{qualified}: {text[:SHOWN_CHARS]}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name} #{seen[name]}"
        yield _span(node), name


def _is_timeout(node: ast.AsyncWith) -> bool:
    calls = [item.context_expr for item in node.items]
    return all(isinstance(call, ast.Call) and ast.unparse(call.func) == "asyncio.timeout" for call in calls)


def _span(node: ast.Await | ast.AsyncWith | ast.AsyncFor) -> Span:
    assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: S101 - parsed
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _within(node: ast.AST, qualified: str) -> Iterator[tuple[str, ast.Await | ast.AsyncWith | ast.AsyncFor]]:
    for child in ast.iter_child_nodes(node):
        name = qualified
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{qualified}.{child.name}" if qualified else child.name
        if isinstance(child, ast.Await | ast.AsyncWith | ast.AsyncFor):
            yield name, child
        yield from _within(child, name)
