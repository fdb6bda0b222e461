# SPDX-License-Identifier: Apache-2.0
"""psycopg2_app.py PORT: a cursor is used and its connection forgotten."""

import os
import sys
import time

import psycopg2


class OrderRepo:
    def __init__(self, port):
        self.connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres")

    def save(self):
        cursor = self.connection.cursor()
        cursor.execute("SELECT 1")


def handle_request(port):
    repo = OrderRepo(port)
    repo.save()
    return repo


forgotten = handle_request(sys.argv[1])
time.sleep(float(os.environ.get("CONNLEAK_PATIENCE", "6")) / 12)
os._exit(0)  # or the interpreter would close it on its way out
