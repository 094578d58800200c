"""Real servers for tests: a scratch database and a scratch vhost per test session, made when first asked for."""

from shared import patched  # noqa: F401, I001  (first, as in the services)

from collections.abc import Iterator, Mapping

import pytest

from operations.testing import ScratchDatabase
from operations.testing import scratch_broker as make_scratch_broker
from operations.testing import scratch_database as make_scratch_database

pytest_plugins = ["operations.story_report", "operations.shares"]


@pytest.fixture(scope="session")
def scratch_database() -> Iterator[ScratchDatabase]:
    """Migrated to the newest schema, shared by the tests of the session."""
    with make_scratch_database() as database:
        yield database


@pytest.fixture(scope="session")
def admin_database_url(scratch_database: ScratchDatabase) -> str:
    """The owner's login."""
    return scratch_database.admin_url


@pytest.fixture(scope="session")
def service_database_urls(scratch_database: ScratchDatabase) -> Mapping[str, str]:
    """Each service's own login: `service_database_urls["routing"]`."""
    return scratch_database.role_urls


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """An empty vhost of the private RabbitMQ."""
    with make_scratch_broker() as url:
        yield url
