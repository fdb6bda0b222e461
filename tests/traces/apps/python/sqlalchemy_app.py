# SPDX-License-Identifier: Apache-2.0
"""sqlalchemy_app.py healthy|leaking|server-timeout PORT: SQLAlchemy's QueuePool on psycopg2.

server-timeout is healthy, but its server ends sessions that have been idle for 10 s: what the pool
keeps over night is in CLOSE_WAIT until somebody borrows it and the pre-ping finds it dead.
"""

import sys

import sqlalchemy

from load import Load, statements

# The defaults are 5 and 10 more. A leak of an on-demand pool needs a ceiling further off.
POOLS = {
    "healthy": {},
    "leaking": {"max_overflow": 95},
    "server-timeout": {
        "pool_size": 10,
        "pool_pre_ping": True,
        "connect_args": {"options": "-c idle_session_timeout=10s"},
    },
}


def main():
    mode, port = sys.argv[1:]
    url = f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
    engine = sqlalchemy.create_engine(url, **POOLS[mode])
    query = sqlalchemy.text("SELECT pg_sleep(:seconds)")
    forgotten = []

    def request():
        with engine.connect() as connection:
            for seconds in statements():
                connection.execute(query, {"seconds": seconds})

    def failing_request():
        """The fault: an error after the query, and something keeps the connection alive."""
        connection = engine.connect()
        port = connection.execute(sqlalchemy.text("SELECT inet_client_port()")).scalar()
        forgotten.append(connection)  # or the garbage collector would give it back
        return port

    Load(request, failing_request if mode == "leaking" else None).run()


if __name__ == "__main__":
    main()
