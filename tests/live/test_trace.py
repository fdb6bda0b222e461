# SPDX-License-Identifier: Apache-2.0
"""`connleak trace`: every connection's life, from connect to the reason of its end."""

import json
import os
import signal
import subprocess

import pytest

from harness import Client, freeze, patient, wait_until

COUNT = 23
FAMILIES = {
    "ipv4": ("127.0.0.1", "127.0.0.1"),
    "ipv6": ("::1", "::1"),
    "v4-mapped": ("::ffff:127.0.0.1", "127.0.0.1"),
}
FILTERED = "10.99.99.2"


def life_of(trace, conn):
    """Without looks at counters that only tell a site: their moment is the symbolizer's."""
    return [
        event["ev"]
        for event in trace.events()
        if event.get("conn") == conn and not ("site" in event and event.get("sent") == 0)
    ]


def without_io(kinds):
    return [kind for kind in kinds if kind != "io"]


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "uring", "uring-async"])
@pytest.mark.parametrize("family", FAMILIES)
def test_trace_of_23_connections_tells_each_ones_life(connleak, server, client, family, way):
    address, listen = FAMILIES[family]
    port = server.listen("echo", listen)
    trace = connleak.trace(port)

    ports = client.open_all(COUNT, port, address, way)
    opened = trace.wait_events("open", COUNT)
    trace.wait_events("established", COUNT)
    client.command(f"close 0-{COUNT - 1}")
    closed = trace.wait_events("close", COUNT)

    remote = f"[::1]:{port}" if family == "ipv6" else f"127.0.0.1:{port}"
    assert len(opened) == COUNT
    assert sorted(int(event["local"].rpartition(":")[2]) for event in opened) == sorted(ports)
    for event in opened:
        assert (event["pid"], event["comm"], event["remote"]) == (client.pid, "client", remote)
        if way != "uring-async":  # there, a worker thread of the kernel connects
            assert event["tid"] == client.pid
        assert without_io(life_of(trace, event["conn"])) == ["open", "established", "close"]
    assert {event["by"] for event in closed} == {"local"}
    assert len(closed) == COUNT


def test_trace_is_a_valid_trace_from_header_to_end(connleak, server, client):
    port = server.listen()
    older = client.open_all(2, port)
    trace = connleak.trace(port)
    client.open_all(3, port)
    client.command("exchange 0-4 100")
    trace.wait_events("io", 5, sent=100, received=100)
    client.command("close 2-4")
    trace.wait_events("close", 3)
    assert trace.stop() == 0

    lines = trace.events()
    assert lines[0]["connleak_trace"] == 1
    assert lines[-1]["ev"] == "end"
    for conn in {event["conn"] for event in lines if event.get("ev") == "io"}:
        sent = [line["sent"] for line in lines if (line.get("ev"), line.get("conn")) == ("io", conn)]
        assert sent == sorted(sent), f"a look that only tells a site has other counters: {sent}"
    seen = [event for event in lines if event.get("ev") == "seen"]
    assert sorted(int(event["local"].rpartition(":")[2]) for event in seen) == sorted(older)
    times = [event["t"] for event in lines[1:]]
    assert times == sorted(times)
    for event in lines:
        if event.get("ev") == "io":
            assert 0 <= event["last_send"] <= event["t"] and 0 <= event["last_recv"] <= event["t"]
    assert trace.complaints() == []
    text = "".join(line + "\n" for line in trace.out.lines)
    replay = connleak.run("replay", "--json", "-", input=text.encode())
    assert (replay.returncode, replay.stdout, replay.stderr) == (0, b"", b"")


def test_trace_into_a_file_holds_what_the_screen_would(connleak, server, client, tmp_path):
    port = server.listen()
    path = tmp_path / "trace.jsonl"
    trace = connleak.trace(port, "-o", path)
    client.open_all(COUNT, port)
    assert trace.stop() == 0

    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert events[0]["connleak_trace"] == 1
    assert len([event for event in events if event.get("ev") == "open"]) == COUNT
    assert events[-1]["ev"] == "end"


def test_trace_with_a_duration_ends_by_itself(connleak, server):
    trace = connleak.trace(server.listen(), "--duration", "1")

    assert trace.wait(timeout=10) == 0
    assert trace.events()[-1]["ev"] == "end"


def test_trace_as_text_names_process_and_endpoint(connleak, server, client):
    port = server.listen()
    trace = connleak.start("trace", "--port", f"ledger={port}")
    client.open_all(1, port)

    wait_until(
        lambda: any(
            f"127.0.0.1:{port}" in line and str(client.pid) in line for line in trace.out.lines
        ),
        10,
        "a line about the connection",
    )


def test_trace_of_a_refused_connect_says_econnrefused(connleak, server, client):
    port = server.listen("closed")
    trace = connleak.trace(port)

    outcomes = client.open(COUNT, port)

    assert {outcome.error for outcome in outcomes} == {"ECONNREFUSED"}
    failed = trace.wait_events("failed", COUNT)
    assert {event["error"] for event in failed} == {"ECONNREFUSED"}
    assert all(life_of(trace, event["conn"]) == ["open", "failed"] for event in failed)
    assert connleak.list_port(port) == []


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "uring"])
def test_trace_of_a_filtered_address_says_etimedout(connleak, network, start, way):
    network.add_filtered_address(FILTERED)
    client = start(Client, *network.enter())
    trace = connleak.trace(7001, "--pid", client.pid)

    outcome = client.open(1, 7001, FILTERED, way)[0]

    assert outcome.error == "ETIMEDOUT"
    failed = trace.wait_events("failed", 1)
    assert [event["error"] for event in failed] == ["ETIMEDOUT"]
    assert life_of(trace, failed[0]["conn"]) == ["open", "failed"]


def test_trace_of_a_connect_given_up_by_the_process_says_ecanceled(connleak, network, start):
    network.add_filtered_address(FILTERED)
    client = start(Client, *network.enter())
    trace = connleak.trace(7001, "--pid", client.pid)

    slot = client.begin(7001, FILTERED)
    client.command(f"close {slot}")

    assert [event["error"] for event in trace.wait_events("failed", 1)] == ["ECANCELED"]


def close_it(server, port, client):
    client.command("close 0")


def close_with_zero_linger(server, port, client):
    client.command("linger 0")
    client.command("close 0")


def close_with_unread_data(server, port, client):
    server.command(f"push {port} 100")
    client.command("pending 0 100")
    client.command("close 0")


def close_after_the_peers_fin(server, port, client):
    server.command(f"fin {port}")
    client.command("expect 0 eof")
    client.command("close 0")


def close_after_the_peers_fin_with_unread_data(server, port, client):
    server.command(f"push {port} 100")
    client.command("pending 0 100")
    server.command(f"fin {port}")
    client.command("close 0")


def shut_down_both_ways(server, port, client):
    client.command("shutdown 0 rdwr")


def disconnect_it(server, port, client):
    client.command("disconnect 0")


def shut_down_writing_and_close(server, port, client):
    client.command("shutdown 0 wr")
    client.command("close 0")


def shut_down_writing_and_be_left(server, port, client):
    # The server echoes the end of the stream: it closes when it has read our FIN.
    client.command("shutdown 0 wr")
    client.command("expect 0 eof")


def be_reset(server, port, client):
    server.command(f"rst {port}")
    client.command("expect 0 ECONNRESET")


def be_reset_with_unread_data(server, port, client):
    server.command(f"push {port} 100")
    client.command("pending 0 100")
    server.command(f"rst {port}")


def be_reset_after_the_peers_fin(server, port, client):
    server.command(f"fin {port}")
    client.command("expect 0 eof")
    server.command(f"rst {port}")


def exit_without_closing(server, port, client):
    client.tell("exit")
    client.process.wait(timeout=patient(10))


def be_killed(server, port, client):
    client.kill()


ENDS = [
    (close_it, "local"),
    (close_with_zero_linger, "local"),
    (close_with_unread_data, "local"),
    (close_after_the_peers_fin, "local"),
    (close_after_the_peers_fin_with_unread_data, "local"),
    (shut_down_both_ways, "local"),
    (disconnect_it, "local"),
    (shut_down_writing_and_close, "local"),
    (shut_down_writing_and_be_left, "peer"),
    (be_reset, "reset"),
    (be_reset_with_unread_data, "reset"),
    (be_reset_after_the_peers_fin, "reset"),
    (exit_without_closing, "exit"),
    (be_killed, "exit"),
]


@pytest.mark.parametrize("origin", ["watched", "older"])
@pytest.mark.parametrize("end, by", ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_trace_of_an_end_tells_its_reason(connleak, server, client, end, by, origin):
    mode = "hold" if end is shut_down_writing_and_close else "echo"
    port = server.listen(mode)
    if origin == "older":
        client.open_all(1, port)
    trace = connleak.trace(port)
    if origin == "watched":
        client.open_all(1, port)
    server.wait_accepted(port, 1)

    end(server, port, client)

    closed = trace.wait_events("close", 1)
    assert [event["by"] for event in closed] == [by]
    trace.stop()
    life = without_io(life_of(trace, closed[0]["conn"]))
    assert life[0] == ("open" if origin == "watched" else "seen")
    assert life.count("close") == 1 and life[-1] == "close"
    if "peers_fin" in end.__name__:
        assert "peer_closed" in life


def test_trace_of_a_short_connection_after_the_peers_fin_tells_of_both(connleak, server, client):
    port = server.listen("fin")
    trace = connleak.trace(port)

    client.open_all(1, port)
    client.command("expect 0 eof")
    client.command("close 0")

    closed = trace.wait_events("close", 1)
    assert closed[0]["by"] == "local"
    assert life_of(trace, closed[0]["conn"]) == ["open", "established", "peer_closed", "close"]


def test_trace_of_a_connection_that_the_peer_no_longer_answers_says_timeout(
    connleak, network, start
):
    network.run("ip", "addr", "add", f"{FILTERED}/32", "dev", "lo")
    port = network.server.listen("echo", FILTERED)
    client = start(Client, *network.enter())
    trace = connleak.trace(port, "--pid", client.pid)
    client.open_all(1, port, FILTERED)
    client.command("exchange 0 100")
    trace.wait_events("established", 1)

    network.run("ip", "addr", "del", f"{FILTERED}/32", "dev", "lo")
    network.add_filtered_address(FILTERED)
    client.command("usertimeout 0 500")
    client.command("send 0 100")
    client.command("expect 0 ETIMEDOUT")

    assert [event["by"] for event in trace.wait_events("close", 1)] == ["timeout"]


def test_trace_of_a_half_closed_connection_keeps_it_open(connleak, server, client):
    port = server.listen("hold")
    trace = connleak.trace(port)
    client.open_all(1, port)
    server.wait_accepted(port, 1)

    client.command("shutdown 0 wr")
    server.command(f"push {port} 100")
    client.command("receive 0 100")

    trace.wait_events("io", 1, received=100)
    assert trace.events("close") == []
    assert len(connleak.list_port(port)) == 1


def test_trace_of_a_second_connect_after_a_failure_is_another_connection(connleak, server, client):
    refused, port = server.listen("closed"), server.listen()
    trace = connleak.trace(f"{refused},test={port}", name="refused")
    slot = client.command("socket 127.0.0.1")[0]

    client.command(f"connect {slot} blocking 127.0.0.1 {refused}")
    client.command(f"connect {slot} blocking 127.0.0.1 {port}")
    client.command(f"exchange {slot} 100")
    client.command(f"close {slot}")

    closed = trace.wait_events("close", 1)
    failed = trace.wait_events("failed", 1)
    assert failed[0]["error"] == "ECONNREFUSED"
    assert closed[0]["by"] == "local"
    assert failed[0]["conn"] != closed[0]["conn"]
    assert life_of(trace, failed[0]["conn"]) == ["open", "failed"]
    assert without_io(life_of(trace, closed[0]["conn"])) == ["open", "established", "close"]


def test_trace_of_a_second_connect_after_a_disconnect_counts_from_zero(connleak, server, client):
    port = server.listen()
    trace = connleak.trace(port)
    client.open_all(1, port)
    client.command("exchange 0 1000")

    client.command("disconnect 0")
    client.command(f"connect 0 blocking 127.0.0.1 {port}")
    client.command("exchange 0 10")

    opened = trace.wait_events("open", 2)
    first, second = (event["conn"] for event in opened)
    assert first != second
    assert [event["by"] for event in trace.wait_events("close", 1, conn=first)] == ["local"]
    trace.wait_events("io", 1, conn=second, sent=10, received=10)
    rows = connleak.list_port(port)
    assert [(row["sent"], row["received"]) for row in rows] == [(10, 10)]


def test_trace_of_an_older_half_closed_connection_ends_with_the_peers_fin(
    connleak, server, client
):
    port = server.listen("hold")
    client.open_all(1, port)
    server.wait_accepted(port, 1)
    client.command("shutdown 0 wr")
    trace = connleak.trace(port)
    assert len(trace.wait_events("seen", 1)) == 1

    server.command(f"fin {port}")
    client.command("expect 0 eof")

    assert [event["by"] for event in trace.wait_events("close", 1)] == ["peer"]


def test_trace_of_an_older_handshake_tells_how_it_ends(connleak, network, start):
    network.add_filtered_address(FILTERED)
    network.retry_connects(6)  # so that it is under way when the trace begins
    client = start(Client, *network.enter())
    slot = client.begin(7001, FILTERED)
    trace = connleak.trace(7001, "--pid", client.pid)
    seen = trace.wait_events("seen", 1)
    assert seen[0]["state"] == "connecting"
    network.retry_connects(1)

    assert client.finish(slot).error == "ETIMEDOUT"

    failed = trace.wait_events("failed", 1)
    assert [(event["conn"], event["error"]) for event in failed] == [(seen[0]["conn"], "ETIMEDOUT")]


def test_trace_of_a_connect_without_a_free_port_says_eaddrnotavail(connleak, server, client):
    port = server.listen()
    taken = server.listen("closed")
    server.command(f"stop {taken}")
    first, second = (client.command(f"socket 127.0.0.1 {taken}")[0] for _ in range(2))
    trace = connleak.trace(port)

    client.command(f"connect {first} blocking 127.0.0.1 {port}")
    outcome = client.command(f"connect {second} blocking 127.0.0.1 {port}")[0]

    assert outcome == f"{second}:EADDRNOTAVAIL"
    failed = trace.wait_events("failed", 1)
    assert [event["error"] for event in failed] == ["EADDRNOTAVAIL"]


def test_trace_that_was_stopped_for_a_while_misses_nothing(connleak, server, client):
    port = server.listen()
    trace = connleak.trace(port)
    freeze(trace.process.pid)
    client.open_all(COUNT, port)
    client.command(f"exchange 0-{COUNT - 1} 100")
    client.command("close 0-10")
    trace.process.send_signal(signal.SIGCONT)

    assert len(trace.wait_events("open", COUNT)) == COUNT
    assert len(trace.wait_events("close", 11, by="local")) == 11
    trace.wait_events("io", COUNT - 11, sent=100, received=100)
    assert trace.stop() == 0
    assert trace.events("lost") == []


def test_trace_whose_buffer_overflows_says_how_many_it_has_lost(connleak, server, client):
    port, closed, reset = server.listen(), server.listen("closed"), server.listen("rst")
    trace = connleak.trace(f"{port},{closed},{reset}")
    freeze(trace.process.pid)
    # Twice as many as the buffer holds.
    words = client.command(f"storm 40000 10000 127.0.0.1 {port} {closed} {reset}")
    total = int(words[words.index("opened") + 1])
    trace.process.send_signal(signal.SIGCONT)

    def told_and_lost():
        ends = len(trace.events("close", "failed"))
        return ends + sum(event["count"] for event in trace.events("lost"))

    wait_until(lambda: told_and_lost() >= total, 30, f"{total} connections accounted for")
    assert trace.stop() == 0
    assert told_and_lost() == total
    assert trace.events("lost") != []


def test_trace_whose_reader_goes_away_ends_quietly(connleak, server, client):
    port = server.listen()
    client.open_all(COUNT, port)
    reading, writing = os.pipe()
    trace = subprocess.Popen(
        [connleak.path, "trace", "--json", "--port", str(port), "--interval", "0.1"],
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    with os.fdopen(reading) as reader:
        assert json.loads(reader.readline())["connleak_trace"] == 1

    def has_ended():
        client.command(f"exchange 0-{COUNT - 1} 10")  # or it has nothing to say
        return trace.poll() is not None

    try:
        wait_until(has_ended, 10, "connleak notices that nobody reads")
        assert trace.returncode == 0
        assert b"pipe" not in trace.stderr.read().lower()
    finally:
        trace.kill()
        trace.wait()
        trace.stderr.close()
