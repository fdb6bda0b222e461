# SPDX-License-Identifier: Apache-2.0
"""A terminal as a person has it: tmux with one window, keys typed into it, and what it shows."""

import os
import re
import shlex
import subprocess

from harness import patient, wait_until

WAIT_S = 20


class Terminal:
    """A window of tmux's in which a shell runs; the shell outlives what is run in it."""

    count = 0

    def __init__(self, width, height, locale="C.UTF-8", term="screen-256color"):
        Terminal.count += 1
        self.name = f"connleak-{os.getpid()}-{Terminal.count}"
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("TMUX", "LC_ALL", "LANG", "LC_CTYPE", "NO_COLOR", "LINES", "COLUMNS")
        }
        # tmux itself is always UTF-8: what an ASCII locale shows has to be ASCII by itself.
        self.environment = {**environment, "LC_ALL": "C.UTF-8"}
        shell = ["env", f"LC_ALL={locale}", f"TERM={term}", "PS1=shell> ", "sh"]
        self.tmux(
            *("-f", "/dev/null", "-u", "new-session", "-d", "-x", width, "-y", height),
            shlex.join(shell),
        )
        self.wait("shell>")

    def tmux(self, *words):
        done = subprocess.run(
            ["tmux", "-L", self.name, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=patient(10),
            env=self.environment,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def screen(self, *options):
        """What stands there now, without blanks at the ends of lines."""
        shown = self.tmux("capture-pane", "-p", *options)
        return "\n".join(line.rstrip() for line in shown.split("\n")).rstrip("\n") + "\n"

    def wait(self, what, name=None):
        """Waits for a text, or for what a function says of the screen. Returns the screen."""
        holds = what if callable(what) else lambda screen: what in screen
        last = [""]

        def is_there():
            last[0] = self.screen()
            return holds(last[0])

        wait_until(is_there, WAIT_S, lambda: f"{name or what} on the screen; it shows:\n{last[0]}")
        return last[0]

    def wait_all(self, *wanted):
        """As wait(), for a screen that has all of it."""
        conditions = [what if callable(what) else lambda s, w=what: w in s for what in wanted]
        texts = [what for what in wanted if not callable(what)]
        return self.wait(lambda screen: all(holds(screen) for holds in conditions), texts)

    def run(self, *argv):
        """Runs a command in the shell; "ended with N" follows it."""
        command = shlex.join(map(str, argv))
        self.keys(f"clear; {command}; echo ended with $?", "Enter")

    def keys(self, *keys):
        """Types: names of keys as tmux has them, or text."""
        self.tmux("send-keys", *keys)

    def text(self, text):
        self.tmux("send-keys", "-l", "--", text)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", width, "-y", height)

    def child(self):
        """The process that the shell runs now."""
        shell = int(self.tmux("display-message", "-p", "#{pane_pid}"))
        found = []

        def is_there():
            done = subprocess.run(["pgrep", "-P", str(shell)], capture_output=True, text=True)
            found[:] = [int(pid) for pid in done.stdout.split()]
            return len(found) == 1

        wait_until(is_there, WAIT_S, "one process in the shell")
        return found[0]

    def modes(self):
        """How the terminal is set, asked from outside while nothing runs in it."""
        tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        done = subprocess.run(["stty", "-a", "-F", tty], capture_output=True, text=True)
        return re.sub(r"rows \d+; columns \d+;", "", done.stdout)

    def alternate(self):
        """Whether the screen of a full-screen program is shown."""
        return self.tmux("display-message", "-p", "#{alternate_on}").strip() == "1"

    def stop(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True, timeout=patient(10))
