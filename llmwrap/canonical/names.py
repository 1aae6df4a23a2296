"""Names of models that may carry a tag, where `x` is short for `x:latest`. Plain text, no lists."""

MAX_NAME = 512
"""Characters of a model's name: no pattern is tried on a longer one, which no model has."""

_DEFAULT = ":latest"


def tagged(name: str) -> str:
    """`name` with its tag, the default one where it has none.

    A tag's colon stands after the last slash: `host:5000/x` has none.
    """
    return name if ":" in name.rpartition("/")[2] else name + _DEFAULT


def spellings(name: str) -> tuple[str, ...]:
    """`name` as it is, then the other way to write the same, where there is one."""
    if name != tagged(name):
        return name, tagged(name)
    short = name.removesuffix(_DEFAULT)
    return (name, short) if tagged(short) == name != short else (name,)


def folded(name: str) -> str:
    """What all spellings of a name have in common, where neither case nor blanks around count."""
    return tagged(name.strip()).casefold()
