# SPDX-License-Identifier: Apache-2.0
"""psycopg_pool_app.py healthy|leaking|one-left PORT: the pool of psycopg 3.

By default it has four connections and never more; the leaking one may grow. That of one-left has
eight, of which it leaks all but one.
"""

import sys

from psycopg_pool import ConnectionPool

from load import Load, statements

POOLS = {
    "healthy": {},
    "leaking": {"min_size": 4, "max_size": 100},
    "one-left": {"min_size": 8, "max_size": 8},
}
LEAK_EVERY = {"leaking": 50, "one-left": 200}


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

    def request_until_one_is_left():
        if len(forgotten) == POOLS[mode]["max_size"] - 1:
            return request()
        return failing_request()

    failing = {"leaking": failing_request, "one-left": request_until_one_is_left}.get(mode)
    Load(request, failing, begin=pool.open, leak_every=LEAK_EVERY.get(mode, 1)).run()


if __name__ == "__main__":
    main()
