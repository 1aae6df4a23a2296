"""A TLS server on loopback, and certificates for it: good ones and bad ones.

They are made by the command `openssl`, in a folder of the test.
"""

import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"}}]}'
READ_S = 5

OLD_TLS = 0x0302
"""TLS 1.1, which no client should speak any more."""

CONFIG = """
[req]
distinguished_name = nobody
prompt = no
[nobody]
CN = test
[authority]
basicConstraints = critical,CA:TRUE
[server]
subjectAltName = ${ENV::NAME}
[ca]
default_ca = here
[here]
dir = .
new_certs_dir = .
database = index
rand_serial = yes
default_md = sha256
private_key = authority.key
certificate = authority.pem
policy = any
unique_subject = no
[any]
commonName = supplied
"""

HERE = "IP:127.0.0.1"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
FROM, TO = "20200101000000Z", "20991231000000Z"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority in `folder`, whose own certificate is `certificate`."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"

    def issue(self, file: str, name: str = HERE, until: str = TO) -> Path:
        """A certificate for `name` with its key, in one file."""
        files = ("-keyout", f"{file}.key", "-out", f"{file}.csr")
        self._openssl("req", *NEW_KEY, *files)
        dates = ("-startdate", FROM, "-enddate", until)
        signed = ("-batch", "-notext", "-in", f"{file}.csr", "-out", f"{file}.crt")
        self._openssl("ca", *signed, *dates, "-extensions", "server", name=name)
        return self._join(file)

    def self_signed(self, file: str) -> Path:
        """A certificate that vouches for itself alone, with its key."""
        files = ("-keyout", f"{file}.key", "-out", f"{file}.crt")
        self._openssl("req", "-x509", *NEW_KEY, *files, "-extensions", "server")
        return self._join(file)

    def _join(self, file: str) -> Path:
        joined = self.folder / f"{file}.pem"
        parts = (self.folder / f"{file}.{kind}" for kind in ("crt", "key"))
        joined.write_bytes(b"".join(part.read_bytes() for part in parts))
        return joined

    def _openssl(self, command: str, *options: str, name: str = HERE) -> None:
        subprocess.run(
            ["openssl", command, "-config", "config", *options],
            cwd=self.folder,
            env={"NAME": name, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            check=True,
            capture_output=True,
        )


def make_authority(folder: Path) -> Authority:
    """A new authority in the empty `folder`."""
    authority = Authority(folder)
    (folder / "config").write_text(CONFIG, encoding="utf-8")
    (folder / "index").touch()
    files = ("-keyout", "authority.key", "-out", "authority.pem")
    options = ("-x509", *NEW_KEY, *files, "-extensions", "authority")
    authority._openssl("req", *options)
    return authority


@dataclass(slots=True)
class TlsServer:
    """What a server on `url` saw: the requests it answered, and why TLS failed."""

    url: str
    answered: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def tls_server(
    certificate: Path, newest: int | None = None, clients: Path | None = None
) -> Iterator[TlsServer]:
    """A server that answers every request well, if TLS gets that far.

    It speaks TLS 1.2 and newer, or what is up to `newest`. With `clients` it serves those whom
    that authority vouches for.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = READ_S

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.answered.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests read what was seen."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            error = sys.exception()
            seen.failures.append(getattr(error, "reason", None) or repr(error))

    context = _context(certificate, newest)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    with Server(("127.0.0.1", 0), Handler) as server:
        seen = TlsServer(f"https://127.0.0.1:{server.server_port}")
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


def _context(certificate: Path, newest: int | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion(newest)
    return context
