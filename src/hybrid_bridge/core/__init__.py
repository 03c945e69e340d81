"""The pure heart: values, rules and decisions; no asyncio, clock, randomness, files or logging."""
