"""Three days of a book shop's agents, for ``make.py``: models, tools, sessions, an outage, feedback."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import tcc_recorder as tcc

SYSTEM = """You are the support agent of a book shop in Bern. Answer briefly, in the customer's language.
1. Never promise a refund before you have read `refund_policy`.
2. Look orders up with `find_order`; never guess a status.
3. If a tool fails twice, hand over to a person."""
BEGIN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MODELS = {
    "gpt-4.1": ("gpt-4.1-2026-04-14", 2e-6, 8e-6),
    "gpt-4.1-mini": ("gpt-4.1-mini-2026-04-14", 4e-7, 1.6e-6),
    "claude-sonnet-4-5": ("claude-sonnet-4-5-20260929", 3e-6, 1.5e-5),
}
"""By name: the model that answers, and USD per token of prompt and answer."""
OUTAGE = "APIConnectionError: [Errno 111] Connection refused (10.0.7.7:443)"
Tool = tuple[str, dict[str, Any], Any]
"""Name, arguments and result of a tool call; an exception as result is raised."""
TRACKED = {"last_scan": "Härkingen", "eta": "2026-11-24", "events": ["Zürich-Mülligen 04:12", "Härkingen 21:40"]}
POLICY = "Returns within 30 days. Damaged goods: full refund, no return needed under CHF 50."


@dataclass
class Turn:
    """What a customer asks, which tools the agent calls, how it ends, and after how many minutes it begins."""

    asked: str
    tools: list[Tool]
    answer: str = ""
    failure: str = ""
    status: int = 0
    feedback: tuple[str, str] | None = None
    after: float = 7.0
    agent: str = "support"
    model: str = "gpt-4.1"
    researched: str = ""
    """What a research agent is asked on the way: a run of its own."""
    together: bool = False
    """Whether the tools are called at the same time."""


def order(number: int, title: str, status: str = "shipped") -> Tool:
    """Return a call of find_order."""
    item = {"title": title, "qty": 1, "price_chf": 19 + number % 20}
    return (
        "find_order",
        {"order": number},
        {"order": number, "status": status, "carrier": "Swiss Post", "items": [item]},
    )


def track(number: int, result: Any = TRACKED) -> Tool:
    """Return a call of track_parcel."""
    return "track_parcel", {"carrier": "Swiss Post", "order": number}, result


def catalogue(title: str, stock: int, **more: Any) -> Tool:
    """Return a call of search_catalogue."""
    return "search_catalogue", {"title": title, **more}, [{"title": title, "stock": stock, "price_chf": 24}]


def where(number: int, title: str, **more: Any) -> Turn:
    """Return the question that is asked most."""
    answer = f"Your order **{number}** ({title}) was scanned in Härkingen last night and should arrive on Tuesday."
    return Turn(f"Where is my order {number}?", [order(number, title), track(number)], answer, **more)


def torn(number: int, title: str, **more: Any) -> Turn:
    """Return a complaint."""
    answer = "I'm sorry about the cover. You needn't send it back:\n\n- the refund is on its way\n- it takes 3-5 days"
    tools = [order(number, title, "delivered"), ("refund_policy", {"country": "CH"}, POLICY)]
    return Turn(f"I want to return “{title}”, it came with a torn cover.", tools, answer, **more)


def like(title: str, other: str, **more: Any) -> Turn:
    """Return a wish for more of the same."""
    reviews = ("get_reviews", {"titles": [title, other]}, "4.6 of 5 (212 reviews); 4.2 of 5 (87 reviews)")
    answer = f"If you liked *{title}*, try **{other}**: 4.6 of 5.\n\n```\ncode READ10 gives 10 % off until Sunday\n```"
    tools = [catalogue(title, 4, similar=True), reviews]
    return Turn(f"Can you recommend something like {title}?", tools, answer, **more)


def german(title: str, **more: Any) -> Turn:
    """Return a question in another language."""
    tools = [catalogue(title, 3, language="de"), ("reserve", {"title": title, "days": 3}, {"until": "2026-11-26"})]
    answer = "Ja, drei Exemplare. Eines ist bis Donnerstag für Sie reserviert."
    return Turn(f"Haben Sie «{title}» auf Deutsch an Lager?", tools, answer, **{"model": "claude-sonnet-4-5", **more})


def down(turn: Turn) -> Turn:
    """Return what became of a turn during the outage."""
    turn.failure, turn.answer, turn.tools = OUTAGE, "", turn.tools[:1]
    return turn


NO_CARRIER = TimeoutError("the carrier did not answer in 10 s")
PERSIAN = "سلام، کتاب «بوف کور» را می‌خواهم."
DAYS: list[list[Turn]] = [  # a list for each conversation
    [where(1042, "Homo Faber", feedback=("thumbs_up", "Quick, thanks!"))],
    [torn(2210, "Middlemarch"), Turn("And who pays the postage?", [], "Nobody: you keep the book.", after=1)],
    [german("Der Richter und sein Henker", together=True)],
    [like("Stoner", "Crossing to Safety"), like("Crossing to Safety", "Gilead", after=2, feedback=("thumbs_up", ""))],
    [Turn("Thank you, bye!", [], "Goodbye!", model="gpt-4.1-mini")],
    [
        Turn(
            "Write the weekly report on returns.",
            [
                ("sales", {"week": 47}, {"sold": 812, "returned": 23}),
                ("ask_researcher", {"week": 47}, "Torn covers: 14."),
            ],
            "23 of 812 books came back, 14 of them with torn covers: talk to the carrier.",
            agent="weekly-report",
            model="claude-sonnet-4-5",
            researched="Why do books come back?",
            after=95,
        )
    ],
    [
        Turn(
            "Track 3307, please",
            [order(3307, "Invisible Cities"), track(3307, NO_CARRIER), track(3307)],
            "It is in Härkingen, and should be with you on Tuesday.",
        ),
        where(3308, "Invisible Cities", after=3),
    ],
    [
        Turn(
            "Refund 88 orders of last week at once",
            [order(88, "Klara and the Sun"), ("refund", {"orders": 88}, "needs an approval")],
            status=1,
            failure="stopped: waiting for an approval of refund",
            after=40,
        )
    ],
    [Turn(PERSIAN, [catalogue("بوف کور", 1)], "یک نسخه داریم؛ آن را برای شما نگه می‌داریم.", model="gpt-4.1-mini")],
    [where(4410, "Stoner", after=700), where(4411, "Gilead", after=1, together=True)],
    [
        Turn(
            "Compare every edition of Middlemarch that was ever printed",
            [catalogue("Middlemarch", number) for number in range(6)],
            status=2,
            failure="MaxTurnsExceeded: Max turns (6) exceeded",
            feedback=("thumbs_down", "It searched for ever and said nothing."),
            model="gpt-4.1-mini",
        )
    ],
    [german("Homo Faber"), german("Stiller", after=2)],
    [like("Gilead", "Home", failure="RateLimitError: 429 Too Many Requests; retry after 20 s", after=60)],
    [like("Gilead", "Home", after=0.5)],
    *([down(turn)] for turn in (where(5120, "Home"), torn(5121, "Gilead", after=1), like("Home", "Jack", after=1))),
    [down(where(5122, "Jack", after=1)), down(where(5122, "Jack", after=0.3, feedback=("thumbs_down", "")))],
    [where(5122, "Jack", after=22, feedback=("thumbs_down", "Third time that I ask."))],
    [where(5120, "Home", after=2), torn(5121, "Gilead", after=1, together=True)],
    [
        Turn(
            "Change the address of 6001",
            [order(6001, "Lila"), ("change_address", {"order": 6001}, PermissionError("not after it was shipped"))],
            "That is no longer possible: it was shipped yesterday. Shall I ask the carrier?",
            after=600,
        ),
        Turn("Yes please 🙏", [track(6001), ("message_carrier", {"order": 6001}, "sent")], "Done.", after=1),
    ],
    [german("Lila", after=33, model="gpt-4.1-mini"), Turn("Danke!", [], "Gern geschehen.", after=1)],
    [like("Lila", "Housekeeping", feedback=("thumbs_up", "well done")), torn(6100, "Housekeeping", after=12)],
    [
        Turn(
            "Which of our books mention Bern?",
            [("ask_researcher", {"place": "Bern"}, "Der Richter und sein Henker; Stiller.")],
            "*Der Richter und sein Henker* and *Stiller*.",
            researched="Which novels are set in Bern?",
            model="claude-sonnet-4-5",
        )
    ],
    [where(6200, "Stiller", after=5)],
]


@dataclass
class Shop:
    """Records turns, one after the other; everything in it is drawn from one seed."""

    chance: random.Random = field(default_factory=lambda: random.Random(5))
    now: datetime = BEGIN

    def milliseconds(self, usual: float) -> timedelta:
        """Return a time that mostly is about as usual."""
        return timedelta(milliseconds=round(self.chance.lognormvariate(0, 0.5) * usual))

    def ident(self) -> str:
        """Return an id as the recorder makes them, of the story's time."""
        moment, some, more = int(self.now.timestamp() * 1000), *map(self.chance.getrandbits, (12, 60))
        text = f"{moment:012x}7{some:03x}a{more:015x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def record(self, turn: Turn, session: str, history: list[Any], parent: str = "") -> None:
        """Record a turn and what follows from it."""
        run_id, start = self.ident(), self.now
        said = [*history, {"role": "user", "content": turn.asked}]
        steps: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        rounds = [turn.tools] if turn.together else [[tool] for tool in turn.tools]
        for tools in rounds:
            made = [{"type": "function_call", "name": name, "arguments": json.dumps(args)} for name, args, _ in tools]
            steps.append(self.step(turn, said, made))
            said += made
            calls += self.tools(tools, said)
            if turn.researched and tools is rounds[-1]:
                self.record(Turn(turn.researched, [], "See the catalogue.", agent="researcher"), session, [], run_id)
        steps.append(self.step(turn, said, turn.answer))
        if turn.failure and turn.status != 1:
            steps[-1] |= {"status_code": 2, "status_message": turn.failure, "completion_tokens": 0}
        end_of = {"status_code": turn.status or 2, "status_message": turn.failure} if turn.failure else {}
        metadata = {"agent": turn.agent, "environment": "production", "version": "1.4" if start.day < 24 else "1.5"}
        tcc.record(
            tcc.RunRecord(
                run_id=run_id,
                session_id=session,
                conversational=True,
                start_time=start,
                end_time=self.now,
                prompt={"user_prompt": turn.asked, "system_prompt": SYSTEM},
                response=turn.answer or None,
                metadata=metadata | ({"parent_run_id": parent} if parent else {}),
                steps=steps,
                tool_calls=calls,
                **end_of,
            )
        )
        history[:] = [*said[: len(history) + 1], {"role": "assistant", "content": turn.answer}]
        if turn.feedback:
            score, text = turn.feedback
            tcc.submit_feedback(run_id=run_id, score=score, text=text or None)

    def step(self, turn: Turn, said: list[Any], out: Any) -> dict[str, Any]:
        """Let the model answer."""
        used, of_prompt, of_answer = MODELS[turn.model]
        start, text = self.now, json.dumps([{"role": "system", "content": SYSTEM}, *said], ensure_ascii=False)
        self.now += self.milliseconds(900)
        asked, answered = 60 + len(text) // 4, 6 + len(str(out)) // 4
        cached = asked // 2 if said[1:] else 0
        return {
            "step_id": self.ident(),
            "start_time": start,
            "end_time": self.now,
            "prompt": text,
            "response": out if isinstance(out, str) else json.dumps(out),
            "model_requested": turn.model,
            "model_used": used,
            "finish_reason": "stop" if isinstance(out, str) else "tool_calls",
            "prompt_uncached_tokens": asked - cached,
            "prompt_cached_tokens": cached,
            "completion_tokens": answered,
            "real_total_cost": round((asked - cached / 2) * of_prompt + answered * of_answer, 6),
            "ttft_ms": round((self.now - start).total_seconds() * 300),
            "attributes": {"agent": turn.agent},
        }

    def tools(self, tools: list[Tool], said: list[Any]) -> Iterator[dict[str, Any]]:
        """Call tools, all at the same time."""
        began = self.now
        for name, args, result in tools:
            end = began + (timedelta(seconds=10) if result is NO_CARRIER else self.milliseconds(300))
            self.now = max(self.now, end)
            call = {"tool_call_id": self.ident(), "tool_name": name, "args": args, "start_time": began, "end_time": end}
            if isinstance(result, Exception):
                text = f"{type(result).__name__}: {result}"
                yield call | {"status_code": 2, "status_message": text}
            else:
                text = json.dumps(result, ensure_ascii=False)
                yield call | {"result": result}
            said.append({"type": "function_call_output", "output": text})


def book_shop() -> None:
    """Three days of a book shop's agents: some forty runs."""
    shop = Shop()
    for number, turns in enumerate(DAYS, 1):
        history: list[Any] = []
        for turn in turns:
            shop.now += timedelta(minutes=turn.after)
            shop.record(turn, f"book-shop-{number:02}", history)
