# SPDX-License-Identifier: Apache-2.0
"""failover_app.py leaking PORT: the server's name comes to mean another address; psycopg 3's pool.

The program makes a new pool there and does not close the old one, for a library still has it.
"""

import sys

from psycopg_pool import ConnectionPool

from load import Load, statements

REQUESTS_BEFORE = 1400  # a hundred seconds


def main():
    _, port = sys.argv[1:]
    ports = []  # of each pool's connections, as long as there is but one
    pools = []

    def note(connection):
        if not pools:
            ports.append(connection.execute("SELECT inet_client_port()").fetchone()[0])
            connection.commit()

    def open_pool(address):
        dsn = f"host={address} port={port} user=postgres dbname=postgres"
        pool = ConnectionPool(dsn, min_size=4, configure=note, open=False)
        pool.open(wait=True)
        pools.append(pool)

    def request():
        with pools[-1].connection() as connection:
            for seconds in statements():
                connection.execute("SELECT pg_sleep(%s)", (seconds,))

    def fail_over():
        if len(pools) == 1:
            open_pool("127.0.0.2")
            load.leaked = ports
        request()

    load = Load(request, fail_over, lambda: open_pool("127.0.0.1"), REQUESTS_BEFORE)
    load.run()


if __name__ == "__main__":
    main()
