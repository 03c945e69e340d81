"""How long the bench waits for anything before it gives up."""

PATIENCE_S = 45.0
