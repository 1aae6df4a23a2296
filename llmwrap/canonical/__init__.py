"""The small typed form that the dialects share: a field is here only when two of them have it."""
