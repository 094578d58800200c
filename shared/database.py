"""The way to PostgreSQL: a bounded pool, a deadline on everything, and no query without its company.

    with database.company(7) as tx:            # sees company 7, whatever the WHERE says
        tx.one("SELECT … WHERE subscriber_id = :id", id=42)
    with database.platform() as tx: ...        # said out loud: work for all companies (relays, sweepers)
    database.call("SELECT routing.call_facts(:device, :dialled)", ...)   # one round trip, for a call's path

Row security compares every row with the transaction's `pbx.company` (migrations, 0001); a connection that
never set it gets an error from the server. Of SQLAlchemy only the pool is used; SQL is written as SQL, and goes
to psycopg2 as it is: what else stands around a statement takes longer than most statements. For the same reason a
transaction begins in the message of its first statement (BEGIN, its scope, the statement: one round trip, of which
the server answers the last), and one without a statement is none.

Under gevent psycopg2's own connect_timeout does nothing (the wait callback takes over), and a frozen
server never answers statement_timeout: so each step also has a deadline of our own, after which the
connection is thrown away, because nobody knows what it would say next.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import Any, TypeVar

import psycopg2
from gevent import Timeout
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extras import execute_batch, register_uuid
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


class Kept(str):
    """A statement of a Transaction the server plans once a connection: for what is asked all the time, and takes longer
    to plan than to do. A parameter has the type of what it stands beside: none of text[] for a uuid[]."""


class Transaction:
    """Statements of one transaction; parameters are written :name."""

    def __init__(self, connection: PoolProxiedConnection, scope: str) -> None:
        self._connection = connection
        self._scope = scope
        self._began = False
        self._waiting: list[bytes] = []
        self._prepared: dict[str, str] = {}

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        with self._executed(sql, parameters) as cursor:
            return _rows_of(cursor)

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

    def later(self, sql: str, **parameters: Any) -> None:
        """A statement whose answer nobody needs: it goes out in the message of the next one, or of COMMIT, and what the
        server has against it is heard then."""
        with self._cursor() as cursor:
            self._waiting.append(self._said(cursor, sql, parameters))
        if len(self._waiting) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """What waits is said now: the server may have something against it."""
        if self._waiting or not self._began:
            with self._executed("SELECT", {}):
                pass

    def execute_many(self, sql: str, parameters: list[dict[str, Any]]) -> None:
        if len(parameters) == 1:
            self.execute(sql, **parameters[0])
        elif parameters:
            with self.driver_cursor() as cursor:
                execute_batch(cursor, _for_driver(sql), parameters)

    @contextmanager
    def driver_cursor(self) -> Iterator[Any]:
        """psycopg2's own, inside this transaction: for what has to be sent in bulk."""
        self.flush()
        with self._cursor() as cursor:
            yield cursor

    def commit(self) -> None:
        if self._began or self._waiting:
            with self._executed("COMMIT", {}) as cursor:
                if cursor.statusmessage == "ROLLBACK":
                    raise DatabaseError("an earlier statement had failed, so nothing was kept")

    def roll_back(self) -> None:
        """What went wrong before is what is to be heard of, not that this could not be said any more."""
        if self._began and self._connection.dbapi_connection is not None:
            with suppress(psycopg2.Error, _ConnectionDied), self._cursor() as cursor:
                cursor.execute("ROLLBACK")

    def abandon(self) -> None:
        """The server finds out by itself."""
        if self._connection.dbapi_connection is not None:
            self._connection.invalidate()

    @contextmanager
    def _executed(self, sql: str, parameters: dict[str, Any]) -> Iterator[Any]:
        with self._cursor() as cursor:
            # What cannot be said at all is found out before anything counts as said.
            beginning = [] if self._began else [cursor.mogrify(_BEGIN, {"scope": self._scope})]
            message = b"; ".join((*beginning, *self._waiting, self._said(cursor, sql, parameters)))
            self._began, self._waiting = True, []
            cursor.execute(message)
            self._connection.info.update(self._prepared)
            yield cursor

    def _said(self, cursor: Any, sql: str, parameters: dict[str, Any]) -> bytes:
        if not isinstance(sql, Kept):
            said: bytes = cursor.mogrify(_for_driver(sql), parameters)
            return said
        statement, arguments = _for_server(sql)
        name = self._connection.info.get(sql) or self._prepared.get(sql)
        beginning = b""
        if name is None:
            # Known to be there only when the message has succeeded: until then each try has a name of its own.
            self._prepared[sql] = name = f"kept_{next(_NAMES)}"
            beginning = f"PREPARE {name} AS {statement}; ".encode()
        said = cursor.mogrify(f"EXECUTE {name}{arguments}", parameters)
        return beginning + said

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        if self._connection.dbapi_connection is None:
            raise _ConnectionDied("the transaction is over: its connection died")
        with _dropped_when_dead(self._connection), closing(self._connection.cursor()) as cursor:
            yield cursor


_BEGIN = "BEGIN; SELECT set_config('pbx.company', %(scope)s, true)"
_TOGETHER = 200
_NAMES = itertools.count(1)


def _rows_of(cursor: Any) -> list[Row]:
    names = [column[0] for column in cursor.description or ()]
    return [Row(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []


@contextmanager
def _dropped_when_dead(connection: PoolProxiedConnection) -> Iterator[None]:
    """A greenlet that is killed in the middle leaves the driver in the middle: nothing more can be said there, not even
    ROLLBACK, whose failure would hide that it was killed."""
    try:
        yield
    except BaseException as error:
        raw = connection.dbapi_connection
        died = raw is None or bool(getattr(raw, "closed", False))
        if raw is not None and (died or not isinstance(error, Exception)):
            connection.invalidate()
        if died and isinstance(error, psycopg2.Error):
            raise _ConnectionDied(str(error).strip()) from error
        raise


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
                connection = psycopg2.connect(url, options=options, connect_timeout=max(2, int(connect_timeout_s)))
            connection.autocommit = True    # what begins and ends a transaction is said here
            register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]  # psycopg2 has no types
            return connection

        self._transactions = _Pool(connect, pool_size, pool_wait_s)
        self._calls = _Pool(lambda: connect(options + _AS_A_CALL_NEEDS), pool_size, pool_wait_s)

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
        self._transactions.close()
        self._calls.close()

    def _once(self, sql: str, parameters: dict[str, Any], deadline_s: float) -> list[Row]:
        with (
            _translated(),
            self._calls.lent() as connection,
            _deadline(connection, deadline_s),
            _dropped_when_dead(connection),
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(_for_driver(sql), parameters)
            return _rows_of(cursor)

    @contextmanager
    def _transaction(self, scope: str) -> Iterator[Transaction]:
        with (
            _translated(),
            self._transactions.lent() as connection,
            _deadline(connection, self._deadline_s * 4),
        ):
            tx = Transaction(connection, scope)
            try:
                yield tx
                tx.commit()
            except Exception:
                tx.roll_back()
                raise
            except BaseException:   # the deadline's, or a greenlet's that is killed: wait for nothing more
                tx.abandon()
                raise


class _Pool:
    def __init__(self, connect: Callable[[], Any], size: int, wait_s: float) -> None:
        # Nothing to reset: a connection comes back between two transactions, or not at all. The one used last is used
        # next: it has its plans, and the server's caches of it are warm.
        self._pool = QueuePool(
            connect, pool_size=size, max_overflow=0, timeout=wait_s, reset_on_return=None, use_lifo=True)

    @contextmanager
    def lent(self) -> Iterator[PoolProxiedConnection]:
        pool = self._pool
        connection = pool.connect()
        try:
            yield connection
        except _ConnectionDied:
            # A server that was restarted: the others, idle now, would fail one by one.
            if self._pool is pool:
                self._pool = pool.recreate()
                pool.dispose()
            raise
        finally:
            raw = connection.dbapi_connection
            if raw is not None and raw.info.transaction_status != TRANSACTION_STATUS_IDLE:
                connection.invalidate()     # ended neither way: nobody may go on in it
            connection.close()

    def close(self) -> None:
        self._pool.dispose()


_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")


@lru_cache(4096)
def _for_driver(sql: str) -> str:
    """:name as psycopg2 writes it; :: stays a cast."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


@lru_cache(256)
def _for_server(sql: str) -> tuple[str, str]:
    """The statement as PREPARE takes it, and the arguments of EXECUTE as psycopg2 writes them."""
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    statement = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
    return statement, f"({', '.join(f'%({name})s' for name in names)})" if names else ""


class _ConnectionDied(DatabaseUnavailable):
    """A connection that had worked before is gone."""


@contextmanager
def _deadline(connection: PoolProxiedConnection, seconds: float) -> Iterator[None]:
    timeout = Timeout(seconds)
    timeout.start()
    try:
        yield
    except Timeout as expired:
        if connection.dbapi_connection is not None:
            connection.invalidate()
        if expired is not timeout:
            raise
        raise DatabaseUnavailable(f"no answer within {seconds:g} s") from None
    finally:
        timeout.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolExhausted as error:
        raise DatabaseUnavailable("no free connection in time") from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
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
