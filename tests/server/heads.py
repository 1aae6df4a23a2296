"""Requests whose lines, names, values or order are not as they should be."""

from collections.abc import Iterator, Sequence

from tests.server.cases import (
    BODY,
    CHUNKED,
    CHUNKS,
    HIDDEN,
    HOST,
    LENGTH,
    PATH,
    Case,
    Family,
    case,
    get,
    request,
    seen,
)


def bare_line_ends() -> Iterator[Case]:
    plain = request(HOST, LENGTH, body=BODY)
    head = plain.removesuffix(BODY)
    yield case("CR for CR LF", head.replace(b"\r\n", b"\r") + BODY)
    yield seen("LF for CR LF", head.replace(b"\r\n", b"\n") + BODY)
    yield seen("LF after the request line", plain.replace(b"\r\n", b"\n", 1))
    yield case("CR after the request line", plain.replace(b"\r\n", b"\r", 1))
    yield case("CR CR LF", head.replace(b"\r\n", b"\r\r\n") + BODY)
    yield case("LF CR", head.replace(b"\r\n", b"\n\r") + BODY)
    for inside in (
        b"a\rb",
        b"a\r",
        b"\ra",
        b"a\rX: y",
        b"a\rTransfer-Encoding: chunked",
    ):
        yield case(
            f"value {inside!r}", request(HOST, LENGTH, b"X: " + inside, body=BODY)
        )
    lines = [HOST, b"X: a\nTransfer-Encoding: chunked", LENGTH]
    yield case("LF in a value", request(*lines, body=CHUNKS))
    yield case("blank line of LF only", request(HOST, b"X: y\n\r\nZ: z"))


def folded_lines() -> Iterator[Case]:
    for fold in (b"\r\n ", b"\r\n\t", b"\r\n  \t ", b"\n ", b"\r "):
        lines = [HOST, b"X: a" + fold + b"b"]
        yield case(f"value {fold!r}", request(*lines, LENGTH, body=BODY))
        lines = [HOST, b"Transfer-Encoding:" + fold + b"chunked"]
        yield case(f"coding {fold!r}", request(*lines, LENGTH, body=BODY))
    yield case("first line", request(b" X: y", HOST, LENGTH, body=BODY))
    yield case("folded host", request(b"Host: a\r\n b", LENGTH, body=BODY))
    yield case("folded length", request(HOST, b"Content-Length: 1\r\n 3", body=BODY))


def odd_names() -> Iterator[Case]:
    for name in (
        *(b"X ", b"X\t", b" X", b"X Y", b"", b"X\x00", b"\x00", b"X\x7f", b"X\x01"),
        *(b"X(", b"X)", b"X<", b"X@", b"X,", b"X;", b'X"', b"X/", b"X[", b"X{"),
        *(b"\xc3\xa4", b"X\xff", b"X=", b"X?", b"X\\"),
    ):
        yield case(f"name {name!r}", request(HOST, LENGTH, name + b": y", body=BODY))
    yield case("no colon", request(HOST, LENGTH, b"X", body=BODY))
    for name in (
        b"X_Y",
        b"X_Forwarded_For",
        b"Content_Length",
        b"X.Y",
        b"X!#$%&'*+^`|~",
    ):
        yield seen(f"name {name!r}", request(HOST, LENGTH, name + b": 1", body=BODY))


def odd_values() -> Iterator[Case]:
    for code in (*range(9), *range(11, 13), *range(14, 32), 127):
        value = b"a" + bytes([code]) + b"b"
        yield seen(f"value with {code:#x}", request(HOST, b"X: " + value))
    for value in (b"", b" ", b"\t", b"\xff\xfe", b"\xc3\xa4", b'"', b"a" * 8000):
        yield seen(f"value {value[:9]!r}", request(HOST, b"X: " + value))


def hosts() -> Iterator[Case]:
    start = b"GET " + PATH + b" HTTP/1.1"
    yield case("none", request(start=start))
    for second in (b"Host: gateway", b"Host: other", b"host: other", b"Host:"):
        yield case(f"and {second!r}", request(HOST, second, start=start))
    for value in (
        *(b"a b", b"a/b", b"a?b", b"a#b", b"a\\b", b"a@b\x00", b"<x>", b"a\tb", b'"'),
        *(b"\xff", b"g\xc3\xa4teway", b"a|b", b"{a}", b"a^b", b"`"),
    ):
        yield case(f"host {value!r}", request(b"Host: " + value, start=start))
    for value in (
        *(b"", b"x:0", b"x:99999", b"x:-1", b"x:y", b"[::1]", b"[::1]:80", b"[::1"),
        *(b"]", b":80", b"x:80:80", b"a,b", b"a..b", b".", b"-", b"127.1", b"%41"),
        *(b"x" * 300, b"xn--", b"a" * 64 + b".example", b"%zz", b"x:"),
    ):
        yield seen(f"host {value[:20]!r}", request(b"Host: " + value, start=start))


def targets() -> Iterator[Case]:
    for target in (
        *(b"*", b"", b" ", b"case", b"?a", b"#a", b"//", b"/../..", b"\\case", b"."),
        *(b"http://", b"http:///case", b"http://a b/case", b"ftp://x/case", b"x:y"),
        *(b"http://user:pass@gateway/case", b"https://gateway/case", b"://x/case"),
        *(b"http://[::1/case", b"http://gateway:port/case", b"http://gateway:1"),
        *(b"gateway:80", b"/\xff", b"/\xc3\xa4", b"/\x7f", b"/\x01", b"/a\x00b"),
    ):
        yield seen(f"target {target!r}", get(target))
    for tail in (
        *(b"/%00", b"/%2e%2e/%2e%2e/x", b"/../x", b"/./x", b"/%2f", b"/%5c", b"/%"),
        *(b"/%zz", b"/%f", b"/%u0041", b"/%c0%ae", b"/%ff", b"/%c3%a4", b"/%0d%0a"),
        *(b"/%0aX:y", b"/;a=b", b"/a;b/c", b"/:", b"/@", b"//", b"///x", b"/?", b"/??"),
        *(b"/?a=%00", b"/?\xff", b"/#f", b"/?a#b", b"/[", b"/{x}", b"/|", b"/^", b"/`"),
        *(b'/"', b"/<>", b"/\\", b"/%20", b"/+", b"/~", b"/" + b"a/" * 500),
        *(b"/?" + b"a=b&" * 900,),
    ):
        yield seen(f"path {tail[:20]!r}", get(PATH + tail))
    yield seen("absolute form", get(b"http://gateway" + PATH))
    yield seen("absolute form of another host", get(b"http://other" + PATH))


def request_lines() -> Iterator[Case]:
    for line in (
        *(b"GET  " + PATH + b" HTTP/1.1", b"GET " + PATH + b"  HTTP/1.1"),
        *(b"GET\t" + PATH + b"\tHTTP/1.1", b" GET " + PATH + b" HTTP/1.1"),
        *(b"GET " + PATH + b" HTTP/1.1 ", b"GET " + PATH + b" HTTP/1.1 x"),
        *(b"GET " + PATH + b" x HTTP/1.1", b"G\x00T " + PATH + b" HTTP/1.1"),
        *(b"get " + PATH + b" HTTP/1.1", b"GeT " + PATH + b" HTTP/1.1"),
        *(b"G@T " + PATH + b" HTTP/1.1", b"G" * 5000 + b" " + PATH + b" HTTP/1.1"),
        *(b"HTTP/1.1 200 OK", b"GET", b"GET ", b"", b"\x16\x03\x01\x02\x00\x01"),
        *(b"\xef\xbb\xbfGET " + PATH + b" HTTP/1.1", b"\x00", b"{}", b"SSH-2.0-x"),
    ):
        yield seen(f"line {line[:40]!r}", request(HOST, start=line))
    for lead in (b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" \r\n", b"\r\n" * 500):
        yield seen(f"before the line {lead[:8]!r}", lead + get(PATH))


def versions() -> Iterator[Case]:
    for version in (
        *(b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/2", b"HTTP/3.0"),
        *(b"HTTP/9.9", b"HTTP/11", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/01.1"),
        *(b"HTTP/1.01", b"HTTP/1.10", b"HTTP/-1.1", b"http/1.1", b"HTTP 1.1", b"HTTP"),
        *(b"HTPP/1.1", b"HTTP/1,1", b"HTTP/a.b", b"ICE/1.0", b"1.1"),
        *(b"HTTP/1.1\x00", b"HTTP/\xb9.\xb9", b"HTTPS/1.1", b"HTTP//1.1"),
    ):
        yield case(f"{version!r}", get(PATH, version))
    yield case("none", request(HOST, start=b"GET " + PATH))
    yield case("none, and no headers", b"GET " + PATH + b"\r\n")
    yield seen("RTSP, which llhttp reads like HTTP", get(PATH, b"RTSP/1.0"))
    yield seen("1.0 without host", request(start=b"GET " + PATH + b" HTTP/1.0"))


def other_protocols() -> Iterator[Case]:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield case("HTTP/2 preface", preface)
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    yield case("HTTP/2 preface and settings", preface + settings)
    yield case("TLS", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"a" * 200)
    yield case("PROXY", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(PATH))
    yield case("PROXY v2", b"\r\n\r\n\x00\r\nQUIT\n" + b"\x21\x11\x00\x0c" + b"a" * 12)
    for protocol in (b"websocket", b"h2c", b"HTTP/2.0", b"TLS/1.0", b""):
        lines = [HOST, b"Connection: Upgrade", b"Upgrade: " + protocol]
        yield seen(f"upgrade to {protocol!r}", request(*lines, LENGTH, body=BODY))
        start = b"GET " + PATH + b" HTTP/1.1"
        yield seen(f"bodyless to {protocol!r}", request(*lines, start=start))
    lines = [HOST, b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"]
    yield seen("h2c settings", request(*lines, b"Upgrade: h2c", LENGTH, body=BODY))


def upgrades_with_bodies() -> Iterator[Case]:
    """Where a body ends must not depend on who heeds the upgrade."""
    upgrade = [HOST, b"Connection: Upgrade", b"Upgrade: h2c"]
    behind = get(PATH + b"/behind")
    framed = {
        "declared": ([LENGTH], BODY),
        "empty": ([b"Content-Length: 0"], b""),
        "chunked": ([CHUNKED], CHUNKS),
        "with a trailer": ([CHUNKED], CHUNKS[:-2] + b"X: y\r\n\r\n"),
        "cut": ([LENGTH], BODY[:5]),
        "of bad chunks": ([CHUNKED], b"zz\r\n"),
        "of half a chunk": ([CHUNKED], b"d\r\n" + BODY + b"x"),
    }
    for name, (lines, body) in framed.items():
        yield seen(name, request(*upgrade, *lines, body=body))
        yield seen(f"{name}, one behind", request(*upgrade, *lines, body=body + behind))
    for lines in ([LENGTH, LENGTH], [LENGTH, CHUNKED], [CHUNKED, CHUNKED]):
        yield case(f"{lines!r}", request(*upgrade, *lines, body=CHUNKS + HIDDEN))
    trailer = b"0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    yield seen("in a trailer", request(HOST, CHUNKED, body=trailer))
    again = CHUNKS[:-2] + trailer[3:]
    yield seen("and in a trailer", request(*upgrade, CHUNKED, body=again))


def sizes() -> Iterator[Case]:
    for length in (4_000, 8_000, 9_000, 70_000):
        yield seen(f"target of {length}", get(PATH + b"/" + b"a" * length))
        yield seen(f"query of {length}", get(PATH + b"?" + b"a" * length))
        yield seen(f"value of {length}", request(HOST, b"X: " + b"a" * length))
        yield seen(f"name of {length}", request(HOST, b"X" * length + b": a"))
    for count in (60, 99, 101, 500, 5_000):
        lines = [b"X-%d: y" % number for number in range(count)]
        yield seen(f"{count} headers", request(HOST, *lines))
    yield case(
        "a head without end", b"GET " + PATH + b" HTTP/1.1\r\nX: " + b"a" * 200_000
    )
    yield case("a line without end", b"GET /" + b"a" * 200_000)
    yield case("a method without end", b"G" * 200_000)


def pipelines() -> Iterator[Case]:
    one, posted = get(PATH), request(HOST, LENGTH, body=BODY)
    chunked = request(HOST, CHUNKED, body=CHUNKS)
    for name, data in {
        "two": one * 2,
        "ten": one * 10,
        "posted": posted * 3,
        "chunked": chunked * 3,
        "mixed": one + posted + chunked + one,
        "with CR LF between": posted + b"\r\n" + one,
        "then garbage": one + b"garbage",
        "then a doubtful one": one + request(HOST, LENGTH, CHUNKED, body=CHUNKS),
        "then one without host": one + request(start=b"GET /case HTTP/1.1"),
        "then half a head": one + b"GET /case HTTP/1.1\r\nHo",
        "then half a body": one + request(HOST, LENGTH, body=BODY[:3]),
        "then a bad chunk": one + request(HOST, CHUNKED, body=b"zz\r\n"),
        "after close": request(HOST, b"Connection: close", LENGTH, body=BODY) + one,
        "after 1.0": get(PATH, b"HTTP/1.0") + one,
        "old and kept": request(
            HOST, b"Connection: keep-alive", start=b"GET /case HTTP/1.0"
        )
        + one,
    }.items():
        yield seen(name, data)


def methods() -> Iterator[Case]:
    for method in (
        *(b"TRACE", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"PROPFIND", b"MKCOL"),
        *(b"LINK", b"PURGE", b"SOURCE", b"QUERY", b"DESCRIBE", b"FOO", b"M-SEARCH"),
    ):
        start = method + b" " + PATH + b" HTTP/1.1"
        yield seen(f"{method!r}", request(HOST, start=start))
        yield seen(
            f"{method!r} with body", request(HOST, LENGTH, start=start, body=BODY)
        )
    for target in (b"gateway:80", PATH, b"*", b"http://x/"):
        start = b"CONNECT " + target + b" HTTP/1.1"
        yield seen(f"CONNECT {target!r}", request(HOST, start=start, body=HIDDEN))
    for header in (b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override"):
        yield seen(f"{header!r}", request(HOST, header + b": GET", LENGTH, body=BODY))


def connections() -> Iterator[Case]:
    for value in (
        *(
            b"close",
            b"Close",
            b"keep-alive",
            b"close, keep-alive",
            b"keep-alive, close",
        ),
        *(b"", b"x", b"host", b"content-length", b"close\x0b", b"transfer-encoding"),
    ):
        data = request(HOST, b"Connection: " + value, LENGTH, body=BODY)
        yield seen(f"{value!r}", data)
    lines = [HOST, b"Connection: close", b"Connection: keep-alive", LENGTH]
    yield seen("both, apart", request(*lines, body=BODY))


HEADS: Sequence[Family] = (
    bare_line_ends,
    folded_lines,
    odd_names,
    odd_values,
    hosts,
    targets,
    request_lines,
    versions,
    other_protocols,
    upgrades_with_bodies,
    sizes,
    pipelines,
    methods,
    connections,
)
