"""The log: console for people, JSON on request, and a rotating file; secrets never reach either.

app sets it up once with `set_up`; everybody else asks structlog for a logger.
"""

from hybrid_bridge.logs.output import LogOutput, set_up

__all__ = ["LogOutput", "set_up"]
