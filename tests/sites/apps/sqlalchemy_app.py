# SPDX-License-Identifier: Apache-2.0
"""sqlalchemy_app.py PORT: a session is used and never closed."""

import os
import sys
import time

import sqlalchemy
import sqlalchemy.orm

engine = sqlalchemy.create_engine(f"postgresql+psycopg2://postgres@127.0.0.1:{sys.argv[1]}/postgres")
sessions = sqlalchemy.orm.sessionmaker(bind=engine)


def report_sales():
    session = sessions()
    session.execute(sqlalchemy.text("SELECT 1"))
    return session


forgotten = report_sales()
time.sleep(float(os.environ.get("CONNLEAK_PATIENCE", "6")) / 12)
os._exit(0)
