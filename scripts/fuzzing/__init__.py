"""A million malformed and borderline messages through both decoders and the guard, beside a reference."""
