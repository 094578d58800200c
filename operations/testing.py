"""Scratch databases and broker vhosts for tests, on the private servers (started if they are down).

    python -m operations.testing      prints a freshly migrated database's addresses, and keeps it
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from operations import migrate, servers
from operations.screen import Trouble


@dataclass(frozen=True)
class ScratchDatabase:
    name: str
    admin_url: str
    role_urls: Mapping[str, str]        # by service


def make_scratch_database(*, migrated: bool = True) -> ScratchDatabase:
    servers.start()
    name = f"pbx_scratch_{secrets.token_hex(4)}"
    servers.ensure_database(name)
    admin_url = servers.database_url("pbx_admin", name)
    if migrated:
        migrate.up(admin_url)
    roles = {service: servers.database_url(f"pbx_{service}", name) for service in servers.SERVICES}
    return ScratchDatabase(name, admin_url, roles)


@contextmanager
def scratch_database(*, migrated: bool = True) -> Iterator[ScratchDatabase]:
    """A database of its own, migrated to the newest schema, dropped at the end."""
    database = make_scratch_database(migrated=migrated)
    try:
        yield database
    finally:
        servers.drop_database(database.name)


@contextmanager
def scratch_broker() -> Iterator[str]:
    """The URL of an empty vhost, dropped at the end."""
    servers.start()
    name = f"scratch_{secrets.token_hex(4)}"
    servers.ensure_vhost(name)
    try:
        yield servers.broker_url(name)
    finally:
        with contextlib.suppress(Trouble):
            servers.drop_vhost(name)


if __name__ == "__main__":
    made = make_scratch_database()
    print(f"PBX_ADMIN_DATABASE_URL={made.admin_url}")
    for service, url in made.role_urls.items():
        print(f"PBX_DATABASE_URL_{service.upper()}={url}")
