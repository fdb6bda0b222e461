# SPDX-License-Identifier: Apache-2.0
"""psycopg2_pool_app.py healthy|close-wait PORT: psycopg2's ThreadedConnectionPool.

close-wait leaks, and its server ends sessions that have been idle for 20 s: the leaked connections
do not stay silent, they stay in CLOSE_WAIT.
"""

import sys

from psycopg2.pool import ThreadedConnectionPool

from load import Load, statements


def main():
    mode, port = sys.argv[1:]
    options = "-c idle_session_timeout=20s" if mode == "close-wait" else ""
    pools = []

    def open_pool():
        # Both figures must be given; the pool connects minconn times at once.
        dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        pools.append(ThreadedConnectionPool(4, 100, dsn, options=options))

    def request():
        pool = pools[0]
        connection = pool.getconn()
        try:
            with connection.cursor() as cursor:
                for seconds in statements():
                    cursor.execute("SELECT pg_sleep(%s)", (seconds,))
            connection.commit()
        finally:
            pool.putconn(connection)

    def failing_request():
        """The fault: no putconn() on the way of an error."""
        connection = pools[0].getconn()
        with connection.cursor() as cursor:
            cursor.execute("SELECT inet_client_port()")
            port = cursor.fetchone()[0]
        connection.rollback()  # or another timeout, that of transactions, would be in charge
        return port

    Load(request, failing_request if mode == "close-wait" else None, begin=open_pool).run()


if __name__ == "__main__":
    main()
