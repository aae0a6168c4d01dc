"""What the log tells of an uploader's life, and in which form."""

import json
import logging
import re
from typing import Any

import pytest

from support.faults import KEY, FaultServer, Reply, Request, SegmentFile, always
from support.rigging import Rig
from support.shell import Shell
from support.worlds import wait_until
from tcc_schemas.endpoints import key_hint
from tcc_schemas.version import __version__
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.events import Event, Reloading, Stopping
from tcc_uploader.ops.logs import LifeLog

SECRET = "SECRET-of-a-record"  # noqa: S105 -- it stands for all that nobody may read in a log
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (DEBUG|INFO|WARNING|ERROR) [a-z_.]+: .+")


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged, without dead letters and the like."""
    return [record.args["action"] for record in caplog.records if isinstance(record.args, dict)]


def lines_of(shell: Shell) -> list[dict[str, Any]]:
    """Return the JSON lines that were logged."""
    return [json.loads(line) for line in shell.printed.splitlines()]


def test_a_daemon_s_life_is_told_with_its_fields(shell: Shell, server: FaultServer) -> None:
    """Its start with version, spool, state, target, key hints and backlog; pause and recovery; reload; its end."""
    server.behaviour = always(Reply(503, {"Retry-After": "1"}))
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    with shell.daemon("--log-format", "json") as process:
        server.wait_for(lambda: bool(server.requests))
        server.behaviour = always(Reply())
        wait_until(lambda: not list(shell.spool.iterdir()), "the delivery")
        assert process.stdout is not None
        process.send_signal(1)
        wait_until(lambda: "reloaded" in read_line(shell, process.stdout), "the reload")
    told = {line["action"]: line for line in lines_of(shell)}
    assert list(told) == ["started", "paused", "recovered", "reloading", "reloaded", "stopped"]
    started, paused = told["started"], told["paused"]
    assert (started["version"], started["spools"]) == (__version__, [str(shell.spool)])
    assert (started["state"], started["target"]) == (str(shell.state), shell.state.name)
    assert (started["keys"], started["pending"]) == ([key_hint(KEY)], 2)
    assert (paused["level"], paused["why"], paused["key"]) == ("warning", "HTTP 503", key_hint(KEY))
    assert paused["url"].startswith(server.url)
    assert told["stopped"]["delivered"] == 2


def read_line(shell: Shell, stream: Any) -> str:
    """Read the next line that a daemon prints, and keep it."""
    line: str = stream.readline()
    shell.printed += line
    return line


def test_a_line_of_text_has_a_time_with_its_zone_a_level_and_an_action(shell: Shell, server: FaultServer) -> None:
    """People read the same actions."""
    server.behaviour = lambda request: Reply(422 if "bad" in request.ids else 200)
    SegmentFile().run("bad").run("good").seal().write(shell.spool)
    with shell.daemon():
        wait_until(lambda: "1 dead" in shell.status_text(), "the dead letter")
    logged = [line for line in shell.printed.splitlines() if line[:4].isdecimal()]
    assert [line.split()[2] for line in logged] == ["started:", "dead:", "stopped:"]
    assert all(LINE.fullmatch(line) for line in logged)


def test_a_minute_has_one_line_at_most_and_none_without_news_and_each_hour_has_totals(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """Three hours with three runs: three lines of news, three of totals; nothing else until the end."""
    caplog.set_level(logging.INFO, "tcc_uploader")
    begun = rig.time.now
    written = 0

    def until(_: object) -> bool:
        nonlocal written
        if rig.time.now >= begun + 10 + 600 * written and written < 3:
            SegmentFile(f"s{written}").run(f"r{written}").seal().write(rig.spool)
            written += 1
        return rig.time.now > begun + 3 * 3600

    rig.daemon(until, hear=LifeLog(is_daemon=True))
    told = [action for action in actions(caplog) if action != "refused"]
    assert told == ["started", *["delivering"] * 3, *["totals"] * 3, "stopped"]
    assert "since the start 3 delivered; 0 waiting" in caplog.messages[-1]


def test_a_recorder_that_refused_records_is_told_of_once(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its seal tells, also when the file, which can't be delivered yet, is looked at again and again."""
    server.behaviour = always(Reply(503))
    file = SegmentFile().run("r1").seal(refused=3).write(rig.spool)

    looks = iter(range(5))

    def until(engine: Engine) -> bool:
        if next(looks, None) is not None:
            engine.intake.hint(file)
        return engine.intake.scans > 3

    rig.daemon(until, hear=LifeLog(is_daemon=True))
    assert actions(caplog).count("refused") == 1
    assert "refused 3 records" in caplog.text


@pytest.mark.parametrize(
    ("said", "last"), [([Reloading("SIGHUP")], "reloading"), ([Reloading("SIGHUP"), Stopping()], "stopped")]
)
def test_a_daemon_that_is_stopped_while_it_reloads_is_stopped(
    rig: Rig, caplog: pytest.LogCaptureFixture, said: list[Event], last: str
) -> None:
    """The last line tells why the engine has ended."""
    caplog.set_level(logging.INFO, "tcc_uploader")
    log = LifeLog(is_daemon=True)
    rig.daemon(lambda engine: [log(event) for event in said], hear=log)
    assert actions(caplog)[-1] == last


def test_a_pause_that_a_reload_ends_is_told_as_ended(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The engine that paused is gone: the next one's first success tells, or an alarm would never end."""
    caplog.set_level(logging.INFO, "tcc_uploader")
    log = LifeLog(is_daemon=True)
    SegmentFile().run("r1").write(rig.spool)
    server.behaviour = always(Reply(401))
    rig.daemon(lambda _: "paused" in actions(caplog), hear=log)
    server.behaviour = always(Reply())
    rig.daemon(lambda engine: engine.settlement.total.delivered, hear=log)
    assert [action for action in actions(caplog) if action in ("paused", "recovered")] == ["paused", "recovered"]


@pytest.mark.parametrize(
    ("options", "environment", "levels"),
    [
        ((), {}, {"info", "warning"}),
        (("-v",), {}, {"debug", "info", "warning"}),
        (("-q",), {}, {"warning"}),
        (("--log-level", "error"), {}, set()),
        ((), {"TCC_DEBUG": "1"}, {"debug", "info", "warning"}),
        (("--log-level", "warning"), {"TCC_DEBUG": "1"}, {"warning"}),
        ((), {"TCC_DEBUG": "0"}, {"info", "warning"}),
    ],
)
def test_a_replay_logs_from_the_level_that_is_asked_for(
    shell: Shell, server: FaultServer, options: tuple[str, ...], environment: dict[str, str], levels: set[str]
) -> None:
    """An option wins over TCC_DEBUG, which does what -v does: one more line for each answer."""
    replies = iter([Reply(503, {"Retry-After": "0"})])
    server.behaviour = lambda _: next(replies, Reply())
    SegmentFile().run("r1").write(shell.spool)
    printed = shell.run("replay", "--log-format", "json", *options, **environment)
    lines = [json.loads(line) for line in shell.printed.removeprefix(printed).splitlines()]
    assert {line["level"] for line in lines} == levels
    answers = [line["status"] for line in lines if line["action"] == "answered"]
    assert answers == ([503, 200] if "debug" in levels else [])


QUOTING = {
    "refuses": lambda request: Reply(422 if "bad" in request.ids else 200, body=request.body),
    "forbids": lambda request: Reply(403, body=request.body),
    "is down": lambda request: Reply(503, {"Retry-After": "0"}, request.body),
    "knows no such key": lambda request: Reply(401, body=request.body + request.key.encode()),
    "is no HTTP server": lambda request: (
        lambda connection: connection.send(request.body + b"\r\n\r\n") or connection.close()
    ),
    "redirects": lambda request: Reply(302, {"Location": f"https://login.example/?key={request.key}"}),
}


@pytest.mark.parametrize("name", QUOTING)
def test_no_line_has_content_of_a_record_or_a_key(shell: Shell, server: FaultServer, name: str) -> None:
    """Not even if the server quotes what it got, and the spool has lines that are damaged, or no records."""

    def behaviour(request: Request) -> Any:
        return QUOTING[name](request)

    server.behaviour = behaviour
    said = f"{SECRET} {KEY}"
    segment = SegmentFile().run("bad", prompt={"user_prompt": said}, response=said, metadata={said: said})
    segment.run("r2", {"type": "step", "step_id": "s", "prompt": said, "response": said}, response=said)
    segment.feedback("r2", said).raw(f'{{"v":1,"{said}":1}}\n'.encode()).seal().write(shell.spool)
    plain = [{"type": said}, {"type": "run", "run_id": "p", "response": said, "start_time": said}, {said: said}, said]
    (shell.spool / "plain.jsonl").write_text("\n".join(map(json.dumps, plain)) + f"\n{said}\n")
    for form in ("text", "json"):
        shell.run("replay", "-v", "--log-format", form, "--timeout", "0.5", code=None)
    assert "answered" in shell.printed
    with shell.daemon("-v") as process:
        while " started: " not in shell.printed:
            read_line(shell, process.stdout)
    logged = [line for line in shell.printed.splitlines() if line[:4].isdecimal() or line.startswith('{"time')]
    assert {line.split()[2] for line in logged if LINE.fullmatch(line)} > {"started:", "stopped:"}
    assert SECRET not in "\n".join(logged)
    assert KEY not in "\n".join(logged)
