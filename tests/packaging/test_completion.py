# SPDX-License-Identifier: Apache-2.0
"""The completion for bash offers what the program takes, in a bash that has loaded it."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CONNLEAK_BUILD", "build")
CONNLEAK = BUILD / "connleak"
COMPLETE = """
source "$0"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_connleak
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "connleak"
    subprocess.run([ROOT / "packaging/completion/build.sh", CONNLEAK, path], check=True)
    return path


@pytest.fixture
def complete(script, tmp_path):
    def words_of(*words):
        done = subprocess.run(
            ["bash", "--norc", "-c", COMPLETE, script, "connleak", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert done.stderr == ""
        return done.stdout.split()

    return words_of


def help_of(*words):
    done = subprocess.run([CONNLEAK, *words], capture_output=True, text=True, check=True)
    return done.stdout


def commands():
    table = [line.split("\t") for line in help_of("help", "--table").splitlines()]
    return [row[1] for row in table if row[0] == "command"]


def test_completion_of_the_first_word_offers_the_commands(complete):
    assert set(complete("")) == {*commands(), "help", "--help", "--version"}
    assert complete("rep") == ["replay"]


@pytest.mark.parametrize("command", commands())
def test_completion_of_options_offers_what_the_help_names_and_no_more(complete, command):
    words = help_of(command, "--help").split()
    named = {word.strip(",") for word in words if word.startswith("--") and len(word) > 2}
    offered = set(complete(command, "--"))

    assert {"--port", "--config", "--help"} <= offered
    assert offered <= named
    # The help of an option may name an option of another command, which this one refuses.
    for option in named - offered:
        done = subprocess.run([CONNLEAK, command, option, "1"], capture_output=True, text=True)
        assert done.returncode == 2


def test_completion_of_arguments_offers_what_they_can_be(complete, tmp_path):
    (tmp_path / "night.jsonl").touch()
    (tmp_path / "logs").mkdir()

    assert complete("replay", "n") == ["night.jsonl"]
    assert complete("explain", "--replay", "ni") == ["night.jsonl"]
    assert complete("list", "--pod-logs", "lo") == ["logs"]
    assert complete("agent", "--fail-on", "le") == ["leak"]
    assert "T0=" in complete("agent", "--set", "T")
    assert str(os.getpid()) in complete("explain", str(os.getpid()))
    assert complete("list", "--port", "") == []
    assert set(complete("help", "")) == {*commands(), "settings"}


def test_completion_script_is_made_by_the_program_that_is_there(tmp_path):
    done = subprocess.run(
        [ROOT / "packaging/completion/build.sh", "/bin/false", tmp_path / "x"], capture_output=True
    )

    assert done.returncode != 0
    assert not (tmp_path / "x").exists()
