"""Starts the bridge in hybrid mode: python hybrid_bridge.py [options].

A launcher only. It has the name of the package in src/, so when Python finds this file while it looks for
the package (`python -c "import hybrid_bridge"` in this folder), it hands over to the package.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "src"


def hand_over() -> None:
    """Put the real package in this module's place."""
    package = SOURCE / "hybrid_bridge"
    spec = importlib.util.spec_from_file_location(
        "hybrid_bridge", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no package in {package}; this file belongs beside the folder src")
    module = importlib.util.module_from_spec(spec)
    sys.modules["hybrid_bridge"] = module
    spec.loader.exec_module(module)


if str(SOURCE) in sys.path:
    sys.path.remove(str(SOURCE))
sys.path.insert(0, str(SOURCE))

if __name__ == "hybrid_bridge":
    hand_over()
elif __name__ == "__main__":
    from hybrid_bridge.launch import start

    sys.exit(start())
