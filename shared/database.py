"""The way to PostgreSQL: a bounded pool, a deadline on everything, and no query without its company.

    with database.company(7) as tx:            # sees company 7, whatever the WHERE says
        tx.one("SELECT … WHERE subscriber_id = :id", id=42)
    with database.platform() as tx: ...        # said out loud: work for all companies (relays, sweepers)
    database.call("SELECT routing.call_facts(:device, :dialled)", ...)   # one round trip, for a call's path

Row security compares every row with the transaction's `pbx.company` (migrations, 0001); a connection that
never set it gets an error from the server. The engine of SQLAlchemy serves as the pool only; SQL is
written as SQL.

Under gevent psycopg2's own connect_timeout does nothing (the wait callback takes over), and a frozen
server never answers statement_timeout: so each step also has a deadline of our own, after which the
connection is thrown away, because nobody knows what it would say next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import psycopg2
from gevent import Timeout
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

T = TypeVar("T")


class DatabaseError(Exception):
    """The database refused; the connection is fine."""


class DatabaseUnavailable(Exception):
    """No answer: not reachable, frozen, or no free connection in time. What was asked may have happened."""


class NotFound(DatabaseError):
    """one() found no row."""


class RuleBroken(DatabaseError):
    """A constraint of the schema refused the change; .constraint names it."""

    def __init__(self, constraint: str, message: str) -> None:
        super().__init__(message)
        self.constraint = constraint


class Row(dict[str, Any]):
    """A row by column name: row.email or row["email"]."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Transaction:
    """Statements of one transaction; parameters are written :name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        with self._executed(sql, parameters) as cursor:
            names = [column[0] for column in cursor.description or ()]
            return [Row(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []

    def row(self, sql: str, **parameters: Any) -> Row | None:
        found = self.rows(sql, **parameters)
        return found[0] if found else None

    def one(self, sql: str, **parameters: Any) -> Row:
        found = self.row(sql, **parameters)
        if found is None:
            raise NotFound("no such row")
        return found

    def execute(self, sql: str, **parameters: Any) -> int:
        """Number of rows the statement touched."""
        with self._executed(sql, parameters) as cursor:
            return int(cursor.rowcount)

    @contextmanager
    def _executed(self, sql: str, parameters: dict[str, Any]) -> Iterator[Any]:
        """By the driver itself: what SQLAlchemy does around a statement takes longer than most statements."""
        try:
            with closing(self._connection.connection.cursor()) as cursor:
                cursor.execute(_for_driver(sql), parameters)
                yield cursor
        except BaseException as error:
            raw = None if self._connection.invalidated else self._connection.connection.dbapi_connection
            died = raw is not None and bool(getattr(raw, "closed", False))
            # A greenlet that is killed in the middle leaves the driver in the middle: nothing more can be said there,
            # not even ROLLBACK, whose failure would hide that it was killed.
            if died or not isinstance(error, Exception):
                self._connection.invalidate()
            if died and isinstance(error, psycopg2.Error):
                raise _ConnectionDied(str(error).strip()) from error
            raise

    @contextmanager
    def driver_cursor(self) -> Iterator[Any]:
        """psycopg2's own, inside this transaction: for what has to be sent in bulk."""
        with _translated(), closing(self._connection.connection.cursor()) as cursor:
            yield cursor

    def execute_many(self, sql: str, parameters: list[dict[str, Any]]) -> None:
        if parameters:
            with _translated():
                self._connection.execute(text(sql), parameters)


# On a call's path a plan is made once a connection and kept: for any parameters, and by index, as a table that was
# empty then may hold a million rows by now.
_AS_A_CALL_NEEDS = "".join(f" -c {one}" for one in (
    "plan_cache_mode=force_generic_plan", "jit=off", "enable_seqscan=off", "enable_bitmapscan=off",
    "enable_hashjoin=off", "enable_mergejoin=off"))


class Database:
    """url: postgresql://user:password@host:port/name. All times are upper bounds for one step."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        statement_timeout_ms: int = 5000,
        connect_timeout_s: float = 2.0,
        pool_wait_s: float = 2.0,
    ) -> None:
        self.url = url
        self._connect_timeout_s = connect_timeout_s
        # A frozen server cannot enforce its own limit: ours is a little longer, so that its wins when it lives.
        self._deadline_s = statement_timeout_ms / 1000 + 1.0
        options = f"-c statement_timeout={statement_timeout_ms} -c timezone=UTC"

        def connect(options: str = options) -> Any:
            with Timeout(connect_timeout_s, DatabaseUnavailable("no connection within the time allowed")):
                return psycopg2.connect(url, options=options, connect_timeout=max(2, int(connect_timeout_s)))

        def connect_for_calls() -> Any:
            connection = connect(options + _AS_A_CALL_NEEDS)
            connection.autocommit = True
            return connection

        self._engine = create_engine(
            "postgresql+psycopg2://", creator=connect, poolclass=QueuePool, pool_size=pool_size, max_overflow=0,
            pool_timeout=pool_wait_s,
        )
        event.listen(self._engine, "handle_error", _note_disconnect)
        self._calls = QueuePool(
            connect_for_calls, pool_size=pool_size, max_overflow=0, timeout=pool_wait_s, reset_on_return=None)

    @contextmanager
    def company(self, company_id: int) -> Iterator[Transaction]:
        """One transaction that sees this company only; commits at the end, rolls back on an exception."""
        with self._transaction(str(int(company_id))) as tx:
            yield tx

    @contextmanager
    def platform(self) -> Iterator[Transaction]:
        """One transaction over all companies: for relays, sweepers, reconciliation. Never for a request."""
        with self._transaction("platform") as tx:
            yield tx

    def call(self, sql: str, *, deadline_s: float | None = None, **parameters: Any) -> list[Row]:
        """One statement, one round trip, no transaction: for a call's path.

        Only functions that scope themselves (SECURITY DEFINER) work here, as no company is set.
        A connection found dead is replaced once: so the statement must be one that may run twice.
        """
        for attempt in (1, 2):
            try:
                return self._once(sql, parameters, self._deadline_s if deadline_s is None else deadline_s)
            except _ConnectionDied:
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def ready(self) -> bool:
        """True, or DatabaseUnavailable: for /ready."""
        return bool(self.call("SELECT 1 AS up", deadline_s=1.0))

    def close(self) -> None:
        self._engine.dispose()
        self._calls.dispose()

    def _once(self, sql: str, parameters: dict[str, Any], deadline_s: float) -> list[Row]:
        with _translated():
            connection = self._calls.connect()
            try:
                with _deadline(connection, deadline_s), closing(connection.cursor()) as cursor:
                    cursor.execute(_for_driver(sql), parameters)
                    names = [column[0] for column in cursor.description or ()]
                    return [Row(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                if connection.dbapi_connection is None or connection.dbapi_connection.closed:
                    connection.invalidate()
                    raise _ConnectionDied(str(error).strip()) from error
                raise
            finally:
                connection.close()

    @contextmanager
    def _transaction(self, scope: str) -> Iterator[Transaction]:
        # The deadline is inside: an expired one drops the connection before anything tries to roll it back.
        with (
            _translated(),
            self._engine.connect() as connection,
            connection.begin() as transaction,
            _deadline(connection, self._deadline_s * 4),
        ):
            tx = Transaction(connection)
            tx.execute("SELECT set_config('pbx.company', :scope, true)", scope=scope)
            yield tx
            transaction.commit()


@lru_cache(4096)
def _for_driver(sql: str) -> str:
    """:name as psycopg2 writes it; :: stays a cast."""
    return re.sub(r"(?<![:\w]):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))


class _ConnectionDied(DatabaseUnavailable):
    """A connection that had worked before is gone."""


@contextmanager
def _deadline(connection: Connection | PoolProxiedConnection, seconds: float) -> Iterator[None]:
    timeout = Timeout(seconds)
    timeout.start()
    try:
        yield
    except Timeout as expired:
        connection.invalidate()
        if expired is not timeout:
            raise
        raise DatabaseUnavailable(f"no answer within {seconds:g} s") from None
    finally:
        timeout.close()


def _note_disconnect(context: Any) -> None:
    """Lets SQLAlchemy throw away every pooled connection when one turns out dead."""
    original = context.original_exception
    connection = context.connection
    if isinstance(original, (psycopg2.OperationalError, psycopg2.InterfaceError)) and connection is not None:
        raw = getattr(connection.connection, "dbapi_connection", None) if not connection.invalidated else None
        if raw is not None and getattr(raw, "closed", False):
            context.is_disconnect = True


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        diagnostics = getattr(error.orig, "diag", None)
        raise RuleBroken(
            getattr(diagnostics, "constraint_name", None) or "",
            getattr(diagnostics, "message_primary", None) or str(error.orig),
        ) from error
    except PoolExhausted as error:
        raise DatabaseUnavailable("no free connection in time") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _ConnectionDied(str(error.orig).strip()) from error
        if isinstance(error.orig, (psycopg2.OperationalError, psycopg2.InterfaceError)):
            raise DatabaseUnavailable(str(error.orig).strip()) from error
        raise DatabaseError(str(error.orig).strip()) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:  # connect(), and a call's path
        raise DatabaseUnavailable(str(error).strip()) from error
    except psycopg2.IntegrityError as error:
        raise RuleBroken(error.diag.constraint_name or "", error.diag.message_primary or str(error)) from error
    except psycopg2.Error as error:
        raise DatabaseError(str(error).strip()) from error


def wait_until_reachable(database: Database, stop: Callable[[str], T]) -> None:
    """For a start: the database answers, or stop(reason) ends the start."""
    try:
        database.ready()
    except DatabaseUnavailable as error:
        stop(f"the database does not answer: {' '.join(str(error).split())}")
