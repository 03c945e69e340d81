"""Why Redpanda cannot be used, found by looking, and in words with a cause and what to do about it."""
