"""A small AI backend and an all-in-one demonstration to try the bridge against."""
