"""What a model is for, guessed from its name: most servers do not say.

The names are those of models that people run (Ollama's library, Hugging Face), read 2026-11; as
patterns they are also what a pool takes in whose models are not known yet.
"""

from fnmatch import fnmatchcase

from llmwrap.settings.values import Kind

_SIGN = "[!0-9A-Za-z]"
_EMBED_WORDS = ("[Bb][Gg][Ee]", "[Ee]5", "[Gg][Tt][Ee]", "[Gg][Tt][Rr]")
"""Too short to be looked for anywhere but between two signs."""

EMBED_PATTERNS = (
    "*[Ee]mbed*",
    "*[Mm]ini[Ll][Mm]*",
    "*[Mm][Pp][Nn]et*",
    "*mxbai*",
    "*[Pp]araphrase*",
    *(
        f"{before}{word}{after}"
        for word in _EMBED_WORDS
        for before in ("", f"*{_SIGN}")
        for after in ("", f"{_SIGN}*")
    ),
)
"""Models that make vectors."""

CODE_PATTERNS = (
    "code*",
    "*Code*",
    "*[!en]code*",
    "*[!e]ncode*",
    "*[!d]ecode*",
    "*opencode*",
    "*[Dd]evstral*",
)
"""Models that write programs, among those that make no vectors; no encoder, no decoder."""


def kind_of(model: str) -> Kind:
    """The kind that the name tells, "chat" where it tells nothing; case does not matter."""
    if _fits(model, EMBED_PATTERNS):
        return "embed"
    return "code" if _fits(model, CODE_PATTERNS) else "chat"


def _fits(model: str, patterns: tuple[str, ...]) -> bool:
    names = (model, model.lower())
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
