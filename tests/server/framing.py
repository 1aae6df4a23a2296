"""Requests whose bodies could be read in two ways."""

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
    request,
    seen,
)


def duplicate_lengths() -> Iterator[Case]:
    for first, second in (
        (b"13", b"13"),
        (b"13", b"14"),
        (b"13", b"0"),
        (b"0", b"13"),
        (b"13", b""),
        (b"", b"13"),
        (b"13", b"abc"),
        (b"13", b"013"),
        (b"0", b"%d" % len(HIDDEN)),
    ):
        lines = [HOST, b"Content-Length: " + first, b"Content-Length: " + second]
        yield case(f"{first!r} and {second!r}", request(*lines, body=BODY + HIDDEN))
    for value in (b"13, 13", b"13,14", b"13,", b",13", b"13 13", b"13;13"):
        data = request(HOST, b"Content-Length: " + value, body=BODY + HIDDEN)
        yield case(f"list {value!r}", data)


def odd_lengths() -> Iterator[Case]:
    for value in (
        *(b"-1", b"-13", b"+13", b"0x0d", b"0xd", b"d", b"1e1", b"13.0", b"13a"),
        *(b"1 3", b"'13'", b'"13"', b"", b" ", b"\t", b"1_3", b"\xb9\xb3", b"NaN"),
        *(b"18446744073709551616", b"18446744073709551629", b"9" * 40),
        *(b"9223372036854775808", b"4294967309000000000000", b"-9223372036854775808"),
        *(b"13\x00", b"\x0b13", b"13\x0c", b"\xef\xbc\x91\xef\xbc\x93"),
    ):
        data = request(HOST, b"Content-Length: " + value, body=BODY)
        yield case(f"{value!r}", data)


def length_and_chunked() -> Iterator[Case]:
    codings = (
        *(b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked", b"identity"),
        *(b"chunked, identity", b"gzip, chunked", b"chunked, chunked", b"xchunked"),
        *(b"", b"chunked;q=1", b'"chunked"', b"chunked,", b",chunked"),
    )
    for coding in codings:
        coded = b"Transfer-Encoding: " + coding
        body = CHUNKS + HIDDEN
        yield case(f"length, then {coding!r}", request(HOST, LENGTH, coded, body=body))
        yield case(f"{coding!r}, then length", request(HOST, coded, LENGTH, body=body))
    for length in (b"0", b"4", b"%d" % len(CHUNKS)):
        lines = [HOST, b"Content-Length: " + length, CHUNKED]
        yield case(f"length {length!r}", request(*lines, body=CHUNKS + HIDDEN))


def odd_codings() -> Iterator[Case]:
    for value in (
        *(b"xchunked", b"chunkedx", b"chunked x", b"chunke", b"chu nked", b"cow"),
        *(b"identity", b"gzip", b"deflate", b"compress", b"br", b"trailers", b""),
        *(b"gzip, chunked", b"chunked, gzip", b"identity, chunked", b"chunked;a=b"),
        *(b"chunked, identity", b"chunked, chunked", b"chunked,", b", chunked"),
        *(b'"chunked"', b"'chunked'", b"chunked\x0b", b"\x0bchunked", b"chunked\x00"),
        *(b"\xffchunked", b"chunked\xa0", b"ch\xc5\xabnked", b"(x) chunked"),
    ):
        data = request(HOST, b"Transfer-Encoding: " + value, body=CHUNKS)
        yield case(f"{value!r}", data)
    for second in (b"chunked", b"identity", b"gzip", b"x"):
        lines = [HOST, CHUNKED, b"Transfer-Encoding: " + second]
        yield case(f"chunked and {second!r} apart", request(*lines, body=CHUNKS))


def odd_coding_names() -> Iterator[Case]:
    """Spellings that one reader takes for Transfer-Encoding and another does not."""
    for name in (
        *(b"Transfer-Encoding ", b"Transfer-Encoding\t", b" Transfer-Encoding"),
        *(b"Transfer-Encoding\x00", b"Transfer\x00-Encoding", b"Transfer Encoding"),
        *(b"\x0bTransfer-Encoding", b"Transfer-Encoding\x0b", b"Transfer-Encoding\xa0"),
        *(b'"Transfer-Encoding"', b"Transfer-\xc3\x8bncoding", b"Transfer-Encoding\r"),
    ):
        data = request(HOST, LENGTH, name + b": chunked", body=BODY)
        yield case(f"{name!r}", data)


def chunked_in_old_version() -> Iterator[Case]:
    start = b"POST " + PATH + b" HTTP/1.0"
    for lines in (
        (CHUNKED,),
        (HOST, CHUNKED),
        (HOST, CHUNKED, b"Connection: keep-alive"),
        (HOST, CHUNKED, LENGTH),
        (HOST, LENGTH, CHUNKED),
        (HOST, b"Transfer-Encoding: identity", LENGTH),
    ):
        data = request(*lines, start=start, body=CHUNKS + HIDDEN)
        yield case(f"1.0 with {lines!r}", data)


def chunk_sizes() -> Iterator[Case]:
    for size in (
        *(b"-d", b"+d", b"0xd", b"0Xd", b"g", b"", b" ", b"d d", b"\xff", b"d\x00"),
        *(b"10000000000000000", b"f" * 17, b"1000000000000000d", b"f" * 100, b"'d'"),
        *(b"d\t", b"d_", b"d,", b"1.5", b"dh", b"\x0bd", b"d\r", b"\td"),
    ):
        body = size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"
        yield case(f"size {size[:20]!r}", request(HOST, CHUNKED, body=body))
    for size in (b"D", b"0d", b"000000000000000d"):
        body = size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"
        yield seen(f"size {size!r}", request(HOST, CHUNKED, body=body))


def chunk_extensions() -> Iterator[Case]:
    for extension in (
        *(b";", b";a", b";a=b", b';a="b"', b"; a = b", b";a=b;c=d", b" ;a=b", b";=b"),
        *(b';a="', b";a=\x00", b";a=\x7f", b";\xff", b";a=b\r", b";a\nb", b"=x"),
        *(b';a="\r\n0\r\n\r\n"', b";" + b"a" * 5000, b';"a"=b', b";a=b\n"),
    ):
        body = b"d" + extension + b"\r\n" + BODY + b"\r\n0\r\n\r\n"
        data = request(HOST, CHUNKED, body=body)
        yield seen(f"extension {extension[:20]!r}", data)


def chunk_ends() -> Iterator[Case]:
    for body in (
        *(b"d\n" + BODY + b"\n0\n\n", b"d\r" + BODY + b"\r0\r\r"),
        *(b"d\r\n" + BODY + b"0\r\n\r\n", b"d\r\n" + BODY + b"xx0\r\n\r\n"),
        *(b"c\r\n" + BODY + b"\r\n0\r\n\r\n", b"e\r\n" + BODY + b"\r\n0\r\n\r\n"),
        *(b"d\r\n" + BODY + b"\r\n0\r\nX: y", b"d\r\n" + BODY + b"\r\n0\r\n"),
        *(b"d\r\n" + BODY + b"\r\n", b"d\r\n" + BODY[:5], b"d", b"0\r\n"),
        *(b"d\r\n" + BODY + b"\r\n\r\n0\r\n\r\n", b"d\n" + BODY + b"\r\n0\r\n\r\n"),
        *(b"d\r\n" + BODY + b"\n0\r\n\r\n", b"0\r\n\r\n" + HIDDEN[:20]),
    ):
        yield seen(f"body {body!r}", request(HOST, CHUNKED, body=body))


def trailers() -> Iterator[Case]:
    for field in (
        *(b"X: y", b"Host: other", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        *(b"Authorization: Bearer x", b"X", b" X: y", b"X : y", b"X: a\rb", b"\x00: y"),
        *(b"X: " + b"a" * 9000,),
    ):
        body = b"d\r\n" + BODY + b"\r\n0\r\n" + field + b"\r\n\r\n"
        lines = [HOST, CHUNKED, b"Trailer: X"]
        yield seen(f"trailer {field[:30]!r}", request(*lines, body=body))


def bodies_cut_or_long() -> Iterator[Case]:
    for body in (b"", BODY[:1], BODY[:-1]):
        yield seen(f"{len(body)} of 13 bytes", request(HOST, LENGTH, body=body))
    for after in (b"x", b"\x00", b"\r\n", b"{}", b"GARBAGE\r\n\r\n", b"\xff" * 100):
        yield seen(f"and {after[:9]!r}", request(HOST, LENGTH, body=BODY + after))
        yield seen(f"no length, {after[:9]!r}", request(HOST, body=after))
    yield seen(
        "a body with GET", request(HOST, LENGTH, start=b"GET /case HTTP/1.1") + BODY
    )


def expectations() -> Iterator[Case]:
    for value in (b"100-continue", b"100-Continue", b"100-continue "):
        data = request(HOST, b"Expect: " + value, LENGTH, body=BODY)
        yield seen(f"{value!r}", data)
    for value in (b"200-ok", b"100", b"100-continue, x", b"", b"x=y", b"\xff"):
        data = request(HOST, b"Expect: " + value, LENGTH, body=BODY)
        yield seen(f"{value!r}", data)
    lines = [HOST, b"Expect: 100-continue"]
    yield seen("without a body", request(*lines))
    old = b"POST " + PATH + b" HTTP/1.0"
    yield seen("in 1.0", request(*lines, LENGTH, start=old, body=BODY))
    yield seen("and a doubtful body", request(*lines, LENGTH, CHUNKED, body=CHUNKS))


FRAMING: Sequence[Family] = (
    duplicate_lengths,
    odd_lengths,
    length_and_chunked,
    odd_codings,
    odd_coding_names,
    chunked_in_old_version,
    chunk_sizes,
    chunk_extensions,
    chunk_ends,
    trailers,
    bodies_cut_or_long,
    expectations,
)
