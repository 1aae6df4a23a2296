"""Users, their passwords and a shared key, for the gateway that asks for credentials."""

from base64 import b64encode

from werkzeug.security import generate_password_hash

from tests.web.surface import Body

KEY = "sk-shared-by-everybody"
PASSWORD = "pass:word wörd"
LIMIT = 10_000

USERS = {
    "alice": ["user"],
    "root": ["admin"],
    "bob": ["user", "blocked"],
    "carol": ["reader"],
    "erin": ["user"],
    "frank": ["user"],
}


def basic(username: str, password: str = PASSWORD) -> dict[str, str]:
    """The header of HTTP Basic."""
    token = b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def guarded_settings() -> Body:
    """Settings with users, a shared key and a limit of bodies; no pools."""
    stored = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
    users = [
        {
            "username": name,
            "email": f"{name}@example.com",
            "password_hash": stored,
            "groups": groups,
        }
        for name, groups in USERS.items()
    ]
    return {
        "server": {"max_body_bytes": LIMIT},
        "auth": {"api_key": KEY},
        "users": users,
    }
