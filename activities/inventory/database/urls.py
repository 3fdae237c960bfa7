"""Database URLs as people write them, of one server or of several that stand in for each other."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from sqlalchemy import URL, exc, make_url

# Both are what Postgres' own tools take, and what hosting providers hand out.
_BACKEND_NAMES: Final = frozenset({"postgresql", "postgres"})
_DRIVER_NAME: Final = "postgresql+psycopg"
# Several servers in libpq's way, which SQLAlchemy takes for one server with an odd port.
_SEVERAL_SERVERS: Final = re.compile(
    r"(?P<before>[^:/]+://(?:[^:/@]*(?::[^@]*)?@)?)(?P<servers>[^/?@]*,[^/?@]*)(?P<after>[/?].*)?"
)
_SERVER: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>\d*))?")
_PORT_MAX: Final = 65_535


def database_url(url: str) -> URL:
    """Return the URL with the driver that Holdfast uses.

    ``postgresql://user:password@host1:5432,host2:5432/db?target_session_attrs=read-write`` names
    several servers, of which each new connection takes the first that may be written to.

    Raises:
        ValueError: it is no Postgres URL. The message repeats nothing of it.
    """
    several = _SEVERAL_SERVERS.fullmatch(url)
    servers = _host_and_port(several["servers"]) if several else {}
    try:
        parsed = make_url(several["before"] + (several["after"] or "") if several else url)
    except (exc.ArgumentError, ValueError):
        # The message of the original would repeat the URL, and with it a password.
        raise ValueError("is not a database URL (postgresql://user:password@host/db)") from None
    if parsed.get_backend_name() not in _BACKEND_NAMES:
        raise ValueError("is not a Postgres URL (postgresql://user:password@host/database)")
    if servers and parsed.query.keys() & servers.keys():
        raise ValueError("names its servers twice: before the database's name and behind it")
    return parsed.set(drivername=_DRIVER_NAME).update_query_dict(servers)


def _host_and_port(servers: str) -> dict[str, str]:
    """Return hosts and ports of several servers as the two parallel lists that libpq takes."""
    parts = [_SERVER.fullmatch(server) for server in servers.split(",")]
    hosts = [unquote(part["host"].strip("[]")) for part in parts if part]
    ports = [part["port"] or "" for part in parts if part]
    if len(hosts) < len(parts) or not all(hosts):
        raise ValueError("names several servers, and not each as host or host:port")
    if any(port and not 1 <= int(port) <= _PORT_MAX for port in ports):
        raise ValueError(f"names a port that is not 1 to {_PORT_MAX:,}")
    return {"host": ",".join(hosts), **({"port": ",".join(ports)} if any(ports) else {})}
