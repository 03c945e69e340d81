"""The deterministic simulation: the real bridge on a simulated clock, killed and lied to by a seed."""
