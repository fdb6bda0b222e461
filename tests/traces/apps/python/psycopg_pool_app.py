# SPDX-License-Identifier: Apache-2.0
"""psycopg_pool_app.py healthy|leaking PORT: the pool of psycopg 3.

By default it has four connections and never more; the leaking one may grow.
"""

import sys

from psycopg_pool import ConnectionPool

from load import Load, statements

POOLS = {"healthy": {}, "leaking": {"min_size": 4, "max_size": 100}}


def main():
    mode, port = sys.argv[1:]
    pool = ConnectionPool(
        f"host=127.0.0.1 port={port} user=postgres dbname=postgres", open=False, **POOLS[mode]
    )
    forgotten = []

    def request():
        with pool.connection() as connection:
            for seconds in statements():
                connection.execute("SELECT pg_sleep(%s)", (seconds,))

    def failing_request():
        """The fault: getconn() without putconn() when something goes wrong between them."""
        connection = pool.getconn()
        forgotten.append(connection)  # a connection that is collected closes its socket
        return connection.execute("SELECT inet_client_port()").fetchone()[0]

    Load(request, failing_request if mode == "leaking" else None, begin=pool.open).run()


if __name__ == "__main__":
    main()
