"""Why the trading backend cannot be used, found by looking, and in words with a cause and its mend."""
