"""Offers the bridge's settings and the check of MT5_PATH to one-liners typed in this folder:

python -c "from config import validate_mt5_path; print(validate_mt5_path('C:/.../terminal64.exe'))"
"""

import sys
from pathlib import Path

SOURCE = str(Path(__file__).resolve().parent / "src")
if SOURCE in sys.path:
    sys.path.remove(SOURCE)
sys.path.insert(0, SOURCE)

from hybrid_bridge.launch import explained  # noqa: E402  src must be found first

with explained():
    from hybrid_bridge.settings import Settings, load_settings, validate_mt5_path

__all__ = ["Settings", "load_settings", "validate_mt5_path"]
