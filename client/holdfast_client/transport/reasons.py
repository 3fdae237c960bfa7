"""Why a connection failed, in words: the SDK's own are those of the library that it is made of."""

from __future__ import annotations

import re
from typing import Final

_TOLD_BY_A_LIBRARY: Final = re.compile(r"\b(tonic|hyper|Os|Status|Custom|Kind)\b\s*(::|\{|\()")
# What the library's words hold, and what it means; the first that is found counts.
_REASONS: Final = (
    (r"ConnectionRefused|Connection refused", "connection refused: nothing listens there"),
    (r"dns error|failed to lookup address", "no such host name"),
    (r"InvalidCertificate\((\w+)", r"its certificate is not accepted: \1"),
    (r"AlertReceived\((\w+)", r"it does not accept this side's TLS: \1"),
    (
        r"InvalidContentType|InvalidMessage|h2 protocol error|FRAME_SIZE_ERROR|CorruptMessage",
        "what listens there does not speak Temporal's protocol, or one side uses TLS alone",
    ),
    (
        r"ConnectionReset|ConnectionAborted|BrokenPipe|UnexpectedEof|connection closed",
        "the other side closed the connection; does one side use TLS alone?",
    ),
    (r"NetworkUnreachable|HostUnreachable|No route to host", "no way leads there"),
    (r"TimedOut|timed out|deadline", "no answer in time"),
    (r"message: \"([^\"]+)\"", r"\1"),
)


def plain_reason(said: str) -> str:
    """Return why a connection failed, without the insides of a library.

    Args:
        said: the SDK's words; returned as they are where they are fit to be read.
    """
    if not _TOLD_BY_A_LIBRARY.search(said):
        return said
    for pattern, words in _REASONS:
        found = re.search(pattern, said)
        if found:
            return found.expand(words)
    return "the connection failed"
