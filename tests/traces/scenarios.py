# SPDX-License-Identifier: Apache-2.0
"""Which applications are recorded, against which server, and which verdict is the right one."""

import dataclasses
import pathlib

APPS = pathlib.Path(__file__).resolve().parent / "apps"
PYTHON = "/usr/bin/python3"
JAR_NAMES = "HikariCP", "postgresql", "slf4j-api", "slf4j-nop"
JARS = [f"/usr/share/java/{name}.jar" for name in JAR_NAMES]
KNOWN_PORTS = {"postgresql": 5432, "mysql": 3306, "mongodb": 27017}


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    pool: str
    argv: tuple
    mode: str
    server: str
    verdicts: tuple  # one of these must be raised; none: nothing may be said at all
    why: str
    settings: dict = dataclasses.field(default_factory=dict)  # of the replay; minutes are short
    evidence: str = ""  # what leads, where only one test can tell

    @property
    def is_healthy(self):
        return not self.verdicts


def python(script):
    return (PYTHON, "-B", str(APPS / "python" / script))


def node(script):
    return ("node", str(APPS / "node" / script))


# A JVM takes what it gets; these are small programs on a shared machine.
JAVA = (
    *("java", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", ":".join(JARS)),
    str(APPS / "java/HikariApp.java"),
)
GO = ("{go}",)  # where the recorder has built it

GIVES_BACK = "every connection is given back; a night without work lies in the middle"
FORGETS = "one request in 50 forgets what it borrowed; the ceiling is far off"
STANDS = (
    "one request in 200 forgets; the leak empties a pool of fixed size: all ten connections are "
    "silent and every request waits; there are no opens that could be tested, so leak cannot be "
    "asked for"
)
LEAK = ("leak",)

SCENARIOS = [
    Scenario("node-pg-healthy", "node-pg", node("pg.js"), "healthy", "postgresql", (), GIVES_BACK),
    Scenario("node-pg-leaking", "node-pg", node("pg.js"), "leaking", "postgresql", LEAK, FORGETS),
    Scenario(
        "node-pg-exhausting",
        *("node-pg", node("pg.js"), "exhausting", "postgresql"),
        ("exhausted", "leak"),
        STANDS,
    ),
    Scenario("mysql2-healthy", "mysql2", node("mysql2.js"), "healthy", "mysql", (), GIVES_BACK),
    Scenario("mysql2-leaking", "mysql2", node("mysql2.js"), "leaking", "mysql", LEAK, FORGETS),
    Scenario(
        "mongodb-healthy",
        *("mongodb", node("mongodb.js"), "healthy", "mongodb", (), GIVES_BACK),
    ),
    Scenario(
        "mongodb-client-per-request",
        *("mongodb", node("mongodb.js"), "leaking", "mongodb", LEAK),
        "one request in 50 makes a client of its own and does not close it; its monitors go on",
    ),
    Scenario(
        "sqlalchemy-healthy",
        *("sqlalchemy", python("sqlalchemy_app.py"), "healthy", "postgresql", (), GIVES_BACK),
    ),
    Scenario(
        "sqlalchemy-leaking",
        *("sqlalchemy", python("sqlalchemy_app.py"), "leaking", "postgresql", LEAK, FORGETS),
    ),
    Scenario(
        "sqlalchemy-server-timeout",
        *("sqlalchemy", python("sqlalchemy_app.py"), "server-timeout", "postgresql", ()),
        "the server ends idle sessions; over night the whole pool is in CLOSE_WAIT, and the first "
        "borrow of the next day renews it: nothing is lost",
    ),
    Scenario(
        "psycopg-pool-healthy",
        *("psycopg-pool", python("psycopg_pool_app.py"), "healthy", "postgresql", (), GIVES_BACK),
    ),
    Scenario(
        "psycopg-pool-leaking",
        *("psycopg-pool", python("psycopg_pool_app.py"), "leaking", "postgresql", LEAK, FORGETS),
    ),
    Scenario(
        "psycopg-pool-one-left",
        *("psycopg-pool", python("psycopg_pool_app.py"), "one-left", "postgresql"),
        ("exhausted", "leak"),
        "seven of eight are forgotten, one after the other, and one does the work of all",
        evidence="held",
    ),
    Scenario(
        "forking",
        *("psycopg-pool", python("fork_app.py"), "leaking", "postgresql", LEAK),
        "helpers that were forked keep what the pool has closed since",
        {"A": 100, "A_SUSPECT": 20},
        "inherited",
    ),
    Scenario(
        "failover",
        *("psycopg-pool", python("failover_app.py"), "leaking", "postgresql", LEAK),
        "the name of the server means another address from now on; the pool of the old one stays",
        {"A": 500, "LEFT": 25, "LMIN": 4},
        "left_behind",
    ),
    Scenario(
        "psycopg2-pool-healthy",
        *("psycopg2-pool", python("psycopg2_pool_app.py"), "healthy", "postgresql", (), GIVES_BACK),
    ),
    Scenario(
        "psycopg2-pool-close-wait",
        *("psycopg2-pool", python("psycopg2_pool_app.py"), "close-wait", "postgresql", LEAK),
        "one request in 50 forgets what it borrowed, and the server ends these sessions after "
        "20 s: they stay in CLOSE_WAIT",
    ),
    Scenario(
        "threads-healthy",
        *("threads", python("threads_app.py"), "healthy", "postgresql", ()),
        "a connection a thread; threads that come and go close theirs",
    ),
    Scenario(
        "threads-pool-healthy",
        *("threads", python("threads_app.py"), "pool", "postgresql", ()),
        "a pool that is shared by threads which come and go: who opened a connection has often "
        "ended, and others use it",
    ),
    Scenario(
        "threads-leaking",
        *("threads", python("threads_app.py"), "leaking", "postgresql", LEAK),
        "a connection a thread; one request in 50 starts a thread that does not close its own",
    ),
    Scenario("hikaricp-healthy", "hikaricp", JAVA, "healthy", "postgresql", (), GIVES_BACK),
    Scenario("hikaricp-leaking", "hikaricp", JAVA, "leaking", "postgresql", LEAK, FORGETS),
    Scenario(
        "hikaricp-exhausting",
        *("hikaricp", JAVA, "exhausting", "postgresql", ("exhausted", "leak"), STANDS),
    ),
    Scenario("go-healthy", "go", GO, "healthy", "postgresql", (), GIVES_BACK),
    Scenario(
        "go-leaking",
        *("go", GO, "leaking", "postgresql", LEAK),
        "one request in 50 returns out of a loop over rows that nobody closes",
    ),
]
