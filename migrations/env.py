"""Alembic's environment: one connection, one transaction per migration."""

import os

from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["PBX_MIGRATION_URL"].replace("postgresql://", "postgresql+psycopg2://", 1)
engine = create_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True, version_table="schema_version")
    with context.begin_transaction():
        context.run_migrations()
