"""Holds the code to its design: who may import whom, what the core may touch, how large things may get."""

import ast
import statistics
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "hybrid_bridge"
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))

LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FUNCTION_LINES_MEDIAN_MAX = 8

# Folders of outside systems: they never import each other.
OUTSIDE = {"terminal", "streams", "control", "execution", "journal", "demo"}
LEAVES = {"errors", "settings"}
# Small parts without dependencies that the folders share.
SHARED = {
    "clock",
    "children",
    "interpreter",
    "figures",
    "findings",
    "name_lookup",
    "subprocesses",
    "whole_file",
}
COMPOSITION = {
    "app",
    "bridge",
    "configured",
    "guard_figures",
    "status",
    "status_file",
    "waking",
    "summary",
    "loop_lag",
    "process_cost",
    "stopping",
}
# What the operating system does to the bridge, and is asked for.
HOST = {"host"}
BELOW_OUTSIDE = {"core", "ports", "messages"} | LEAVES | SHARED
BELOW_CLI = OUTSIDE | COMPOSITION | HOST | BELOW_OUTSIDE | {"simulator", "logs", "health"}

# What each part at the top of the package may import, besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    "core": set(),
    "simulator": {"errors"},
    "ports": {"core", "errors"},
    "messages": {"core", "errors"},
    "settings": {"errors"},
    "logs": LEAVES,
    "health": set(),
    "host": {"core", "ports"} | LEAVES,
    "commands": BELOW_CLI,
    "cli": BELOW_CLI | {"commands"},
    "launch": {"cli"},
    "installation": {"commands", "errors"},
    "__main__": {"launch"},
    **{name: {"errors"} for name in SHARED},
    "children": {"errors", "interpreter", "subprocesses"},
    **dict.fromkeys(OUTSIDE, BELOW_OUTSIDE),
    **dict.fromkeys(COMPOSITION, BELOW_CLI),
}

# Where each foreign library may be imported: a module, or a folder and its parts. Its exceptions end there.
HOMES: dict[str, tuple[str, ...]] = {
    "MetaTrader5": ("terminal/worker.py",),
    "aiokafka": ("streams/",),
    "confluent_kafka": ("streams/embedded.py", "demo/topics.py"),
    "websockets": ("control/", "demo/"),
    "psutil": ("health.py", "process_cost.py"),
    "pydantic": ("settings/",),
    "pydantic_core": ("settings/",),
    "pydantic_settings": ("settings/",),
    "dotenv": ("settings/file.py",),
    "numpy": ("simulator/",),
    "msgspec": ("messages/", "terminal/", "journal/", "streams/codecs.py"),
    "structlog": ("",),
}

CORE_MAY_IMPORT = {
    "bisect",
    "collections",
    "dataclasses",
    "decimal",
    "enum",
    "functools",
    "hybrid_bridge",
    "itertools",
    "math",
    "operator",
    "typing",
}
IMPURE_CALLS = {"open", "print", "input", "eval", "exec"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "write_text"}

# Modules without a test of their own; those without any function, constants and values, need none either.
UNTESTED = {
    "__main__.py",  # tests/test_launchers.py runs it
    "errors.py",
    "ports.py",
    "simulator/__main__.py",
}
# Who may own a task that no group in the same module does.
TASK_OWNERS = {
    "app.py",
    "subprocesses.py",  # a start goes on when it is cancelled, and is waited for
    "terminal/deadline.py",  # what takes too long is abandoned, but not for the PC's having slept
    "streams/clients.py",  # a Kafka client's stop may hang: it is waited for, then abandoned
}
# Tests of something else than one module of the package.
UNMAPPED = {
    "logs/test_console_on_windows.py",  # what real consoles of several code pages show
    "logs/test_file_on_windows.py",  # the log file beside editors that have it open
    "logs/test_time_zones.py",  # times in the log and the log's files
    "terminal/test_without_terminal.py",  # the genuine package where no terminal answers
    "core/test_answers.py",  # every answer as a whole
    "core/test_denials.py",  # every denial's words
    "core/test_forgetting.py",  # what the state may forget
    "core/test_guard_machine.py",  # the whole guard on an exchange, under any order of events
    "core/test_guard_properties.py",  # what holds for every entry that the guard is asked about
    "streams/test_kafka_security.py",  # the whole folder against a broker with TLS, logins and access lists
    "streams/test_kafka_topics.py",  # topics that somebody else made, on a real broker
    "streams/test_kafka_stops.py",  # stops and orders through a real broker's troubles
    "streams/test_kafka_outages.py",  # networks, brokers and their owners, as the producers meet them
    "streams/test_kafka_readers.py",  # the same as the readers meet them
    "control/test_client_sleep.py",  # the client over a sleep of the PC
    "execution/test_standstills.py",  # the whole executor over a sleep of the PC
    "streams/test_sleep.py",  # both readers over a sleep of the PC
    "terminal/test_lane_sleep.py",  # a lane over a sleep of the PC
    "streams/test_redelivery.py",  # messages that come again, from the topic to the journal
    "test_fault_table.py",  # docs/faults.md
    "test_fault_words.py",  # the words of what `check` finds
    "test_limits_page.py",  # docs/limits.md
    "test_check_page.py",  # docs/check.md
    "test_redpanda_page.py",  # docs/redpanda.md
    "test_windows_page.py",  # docs/windows.md
    "terminal/diagnosis/test_genuine.py",  # the whole folder through the genuine package
    "simulator/test_contract.py",  # names, types and constants of the package
    "simulator/test_faults_seen.py",  # every fault through the package's functions
    "simulator/test_fidelity_rules.py",  # what a terminal does, rule by rule, likewise
    "simulator/test_whole_day.py",  # random trading through a day of ticks
    "terminal/test_lanes_simulated.py",  # both lanes against the real simulated terminal
    "journal/test_storage_faults.py",  # what disks do to files, through the whole journal
    "streams/test_kafka.py",  # the whole folder against a broker that keeps its data
    "test_architecture.py",
    "test_launchers.py",
    "test_start_bridge.py",
    "test_start_redpanda.py",
}
# Of scripts/benchmarks, scripts/endurance, scripts/fuzzing, scripts/siege, scripts/simulation; of programs.
UNMAPPED_FOLDERS = {"benchmarks", "blackbox", "conformance", "fuzzing", "scenarios", "simulation"}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((SOURCE / module).read_text(encoding="utf-8"), module)


def part(module: str) -> str:
    """The module's or folder's name at the top of the package."""
    return module.partition("/")[0].removesuffix(".py")


def imports(module: str) -> Iterator[tuple[int, str]]:
    """Every imported name with its line, those of the package with the name that is taken from it."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: relative import"
            base = node.module or ""
            if base == "hybrid_bridge":
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base
        elif isinstance(node, ast.Call) and name_of(node.func).endswith("import_module"):
            yield from (
                (node.lineno, argument.value)
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def functions(module: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_every_part_has_its_place_in_the_design() -> None:
    assert {part(module) for module in MODULES} == set(MAY_IMPORT)


def test_imports_point_one_way() -> None:
    wrong = []
    for module in MODULES:
        for line, name in imports(module):
            package, _, rest = name.partition(".")
            imported = rest.partition(".")[0]
            if package != "hybrid_bridge" or imported in {"", "__version__", part(module)}:
                continue
            if imported not in MAY_IMPORT[part(module)]:
                wrong.append(f"{module}:{line} imports {imported}")
    assert wrong == []


def test_each_foreign_library_has_one_home() -> None:
    wrong = []
    for module in MODULES:
        for line, name in imports(module):
            library = name.partition(".")[0]
            if library in sys.stdlib_module_names or library == "hybrid_bridge":
                continue
            if not module.startswith(HOMES.get(library, ("nowhere",))):
                wrong.append(f"{module}:{line} imports {library}")
    assert wrong == []


def test_the_core_is_pure() -> None:
    wrong = []
    for module in MODULES:
        if part(module) != "core":
            continue
        for line, name in imports(module):
            if name.partition(".")[0] not in CORE_MAY_IMPORT:
                wrong.append(f"{module}:{line} imports {name}")
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global | ast.Nonlocal):
                wrong.append(f"{module}:{node.lineno} {type(node).__name__}")
            elif isinstance(node, ast.Call):
                called = name_of(node.func)
                if called in IMPURE_CALLS or called.rpartition(".")[2] in IMPURE_METHODS:
                    wrong.append(f"{module}:{node.lineno} calls {called}")
    assert wrong == []


def test_tasks_belong_to_the_app_or_to_a_group_around_them() -> None:
    wrong = []
    for module in MODULES:
        groups = {
            name_of(item.optional_vars)
            for node in ast.walk(tree(module))
            if isinstance(node, ast.AsyncWith)
            for item in node.items
            if item.optional_vars
            and isinstance(item.context_expr, ast.Call)
            and name_of(item.context_expr.func) in {"asyncio.TaskGroup", "TaskGroup"}
        }
        for node in ast.walk(tree(module)):
            if not isinstance(node, ast.Call):
                continue
            owner, _, called = name_of(node.func).rpartition(".")
            loose = called == "ensure_future" or (called == "create_task" and owner not in groups)
            if loose and module not in TASK_OWNERS:
                wrong.append(f"{module}:{node.lineno} {name_of(node.func)}")
    assert wrong == []


def test_no_error_is_swallowed_whole() -> None:
    wrong = []
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kinds = ast.walk(node.type) if node.type else ()
            broad = node.type is None or any(
                isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"} for kind in kinds
            )
            silent = all(
                isinstance(line, ast.Pass | ast.Continue)
                or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
                for line in node.body
            )
            if broad and silent:
                wrong.append(f"{module}:{node.lineno}")
    assert wrong == []


def test_modules_stay_small() -> None:
    sizes = {module: len((SOURCE / module).read_text(encoding="utf-8").splitlines()) for module in MODULES}
    assert {name: size for name, size in sizes.items() if size >= LINES_MAX} == {}


def test_functions_stay_small() -> None:
    sizes = {name: lines for module in MODULES for name, lines in functions(module)}
    assert {name: lines for name, lines in sizes.items() if lines > FUNCTION_LINES_MAX} == {}
    assert statistics.median(sizes.values()) <= FUNCTION_LINES_MEDIAN_MAX


def test_every_module_says_what_it_is() -> None:
    assert [module for module in MODULES if not ast.get_docstring(tree(module))] == []


def test_every_module_has_its_test() -> None:
    expected = {module for module in MODULES if module not in UNTESTED and any(functions(module))}
    missing = sorted(module for module in expected if not path_of_test(module).exists())
    assert missing == []


def test_every_test_has_its_module() -> None:
    tests = {
        path.relative_to(TESTS)
        for path in TESTS.rglob("test_*.py")
        if path.relative_to(TESTS).parts[0] not in UNMAPPED_FOLDERS
    }
    lost = {
        test.as_posix()
        for test in tests
        if test.as_posix() not in UNMAPPED
        and not (SOURCE / test.with_name(test.name.removeprefix("test_"))).exists()
    }
    assert lost == set()


def test_modules_said_to_need_no_test_exist() -> None:
    assert set(MODULES) >= UNTESTED


def path_of_test(module: str) -> Path:
    path = TESTS / module
    return path.with_name(f"test_{path.name}")
