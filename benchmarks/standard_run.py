"""The standard run: deterministic, realistic text; what the benchmarks record and send.

One run = 400-char user prompt, 1,200-char system prompt, 800-char response, 6 metadata keys, session_id,
3 steps (2,000-char prompt, 600-char response, model names, tokens, cost, finish_reason),
2 tool calls (args dict of 5 keys, 500-char result).  ~12-14 KB of JSON (UTF-8, compact).

Three views of one run:
  make_input(i)    -> what an agent has in hand: plain strings / dicts   (input for SDK-like APIs)
  to_record(inp)   -> the finished nested dict, one per run               (input for dumps+write variants)
  to_parts(inp)    -> the 6 separate POST bodies the official SDK sends   (1 run, 3 step, 2 tool_call)

fresh_inputs(n) gives n inputs with NEW str objects (CPython caches the UTF-8 form inside a str, so
benchmarks that reuse a str object make every JSON encoder look faster than it is in an agent).
"""

import json
import pickle
import random

WORDS = (
    "the of and to a in that is for it as was with be by on not he this are or his from at which but have an "
    "had they you were their one all we can her has there been if more when will would who so no out up into do any "
    "time than some could these two may then other its new over such man our under also after me most made like "
    "customer order refund invoice shipping address account password policy agent tool query database schema table "
    "index search result document section summary answer question context token model prompt response error timeout "
    "retry request server client status report quarter revenue growth margin forecast analysis function parameter "
    "variable return value string integer list object class method import package version release deploy cluster "
    "region latency throughput memory storage file path directory user email message thread channel calendar meeting "
    "schedule flight hotel booking reservation passenger airport weather temperature city country language translate "
    "Please check confirm update review find compare explain write create delete move open close send receive "
    "according however therefore because although between during before against without within through"
).split()
_W = [1.0 / (i + 3) for i in range(len(WORDS))]
UNI = [
    "café",
    "naïve",
    "Zürich",
    "São Paulo",
    "“quoted”",
    "it’s",
    "—",
    "…",
    "€1,299.00",
    "£45",
    "日本語",
    "東京",
    "北京市",
    "Привет",
    "мир",
    "🚀",
    "✅",
    "👍",
    "São",
    "Ω",
    "≥ 95 %",
    "µs",
    "naïveté",
    "Łódź",
    "한국어",
    "العربية",
]
SNIPS = [
    '{"id": %d, "name": "item_%d", "price": %d.99, "in_stock": true}',
    '```python\ndef f%d(x):\n    return x["key_%d"] + %d\n```\n',
    'SELECT id, "name" FROM orders WHERE customer_id = %d AND total > %d LIMIT %d;',
    "https://example.com/docs/%d/page?id=%d&ref=%d",
    "C:\\Users\\agent\\report_%d\\out_%d_%d.csv",
    'Error: "connection reset" (code=%d, attempt=%d)\n\tat line %d\n',
    "<b>%d</b> & <i>%d</i> %d",
]
MODELS = ["gpt-4o-2024-08-06", "claude-sonnet-4-20250514", "gpt-4.1-mini", "gemini-2.5-pro"]
TOOLS = ["search_orders", "get_weather", "run_sql", "send_email", "fetch_url"]


def text(rng, n, uni):
    """n characters; uni=True sprinkles non-ASCII (makes the str UCS-2/UCS-4 inside CPython)."""
    out, ln, sent = [], 0, 0
    while ln < n:
        r = rng.random()
        if uni and r < 0.04:
            w = rng.choice(UNI)
        elif r < 0.065:
            w = rng.choice(SNIPS) % tuple(rng.randrange(100000) for _ in range(3))
        elif r < 0.085:
            w = '"' + rng.choice(WORDS) + '"'
        elif r < 0.10:
            w = "%x" % rng.getrandbits(48)
        elif r < 0.13:
            w = str(rng.randrange(10000))
        else:
            w = rng.choices(WORDS, _W)[0]
        sent += 1
        if sent > 14 and rng.random() < 0.2:
            w += rng.choice([". ", ".\n", "?\n\n", ", ", ":\n- "])
            sent = 0
        else:
            w += " "
        out.append(w)
        ln += len(w)
    return "".join(out)[:n]


def hexid(rng):
    h = "%032x" % rng.getrandbits(128)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


def make_input(i, seed=20260101):
    rng = random.Random(seed * 1000003 + i)
    u = lambda p=0.5: rng.random() < p
    return {
        "run_id": hexid(rng),
        "session_id": "sess_" + hexid(rng),
        "user_prompt": text(rng, 400, u(0.4)),
        "system_prompt": text(rng, 1200, u(0.2)),
        "response": text(rng, 800, u(0.6)),
        "metadata": {
            "agent": "support-bot",
            "env": "production",
            "version": "1.%d.%d" % (rng.randrange(20), rng.randrange(9)),
            "user_id": "u_%d" % rng.randrange(10**6),
            "tenant": rng.choice(["acme", "globex", "Ünïcorp"]),
            "region": "eu-west-%d" % rng.randrange(3),
        },
        "steps": [
            {
                "prompt": text(rng, 2000, u()),
                "response": text(rng, 600, u()),
                "model_requested": rng.choice(MODELS),
                "model_used": rng.choice(MODELS),
                "finish_reason": rng.choice(["stop", "tool_calls"]),
                "prompt_uncached_tokens": rng.randrange(300, 4000),
                "prompt_cached_tokens": rng.randrange(0, 3000),
                "completion_tokens": rng.randrange(50, 900),
                "real_total_cost": round(rng.random() * 0.05, 6),
            }
            for _ in range(3)
        ],
        "tool_calls": [
            {
                "tool_name": rng.choice(TOOLS),
                "args": {
                    "query": text(rng, 60, u(0.3)),
                    "limit": rng.randrange(100),
                    "filters": {"status": "open", "min_total": rng.randrange(500)},
                    "include_archived": u(),
                    "cursor": "%x" % rng.getrandbits(64),
                },
                "result": text(rng, 500, u()),
            }
            for _ in range(2)
        ],
    }


_POOL = None


def _pool(k=64):
    global _POOL
    if _POOL is None:
        _POOL = [pickle.dumps(make_input(i), 5) for i in range(k)]
    return _POOL


def fresh_inputs(n, start=0):
    """n inputs, new str objects, unique ids, text cycling over 64 different runs."""
    p, out = _pool(), []
    rng = random.Random(777 + start)
    for i in range(n):
        x = pickle.loads(p[(start + i) % len(p)])
        x["run_id"] = hexid(rng)
        out.append(x)
    return out


T0, T1 = "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.234Z"


def to_record(x, rng=random.Random(5)):
    return {
        "type": "run",
        "run_id": x["run_id"],
        "start_time": T0,
        "end_time": T1,
        "status_code": 0,
        "prompt": {"user_prompt": x["user_prompt"], "system_prompt": x["system_prompt"]},
        "session_id": x["session_id"],
        "response": x["response"],
        "metadata": x["metadata"],
        "steps": [{"step_id": hexid(rng), "start_time": T0, "end_time": T1, "status_code": 0, **s} for s in x["steps"]],
        "tool_calls": [
            {
                "tool_call_id": hexid(rng),
                "tool_name": t["tool_name"],
                "start_time": T0,
                "end_time": T1,
                "status_code": 0,
                "args": t["args"],
                "result": t["result"],
            }
            for t in x["tool_calls"]
        ],
    }


def to_parts(x):
    r = to_record(x)
    steps, tools = r.pop("steps"), r.pop("tool_calls")
    return (
        [{"type": "step", "run_id": x["run_id"], **s} for s in steps]
        + [{"type": "tool_call", "run_id": x["run_id"], **t, "args": json.dumps(t["args"])} for t in tools]
        + [r]
    )
