"""Why the terminal cannot be traded through, found by looking, and in words with a cause and its mend."""
