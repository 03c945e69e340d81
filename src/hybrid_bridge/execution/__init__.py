"""The one executor: the only writer of the engine's state."""
