"""What a shared ledger asks of its database, as text.  Many rows come as one array for each column, sorted by key.

Sorted, because two workers that lock rows in different orders would wait for each other.
"""

from typing import Final

from tcc_uploader.ledger.rows import SEGMENT_COLUMNS
from tcc_uploader.model.fate import COUNT_NAMES

from .rows import WRITTEN_COLUMNS
from .worker import ALIVE

_TYPES: Final = {"path": "text", "finished": "bool"}
_ARRAYS: Final = ", ".join(f"%s::{_TYPES.get(name, 'int8')}[]" for name in WRITTEN_COLUMNS)

# records
CLAIM: Final = (
    "INSERT INTO tcc.claim AS c (key, digest, segment, line, holder) "  # noqa: S608 -- our own text, here and below
    "SELECT v.*, %(fence)s "
    "FROM unnest(%(keys)s::uuid[], %(digests)s::int8[], %(segments)s::int8[], %(lines)s::int8[]) AS v "
    f"WHERE {ALIVE.format('%(fence)s')} "
    "ON CONFLICT (key) DO UPDATE "
    "SET holder = excluded.holder, digest = excluded.digest, segment = excluded.segment, line = excluded.line "
    f"WHERE c.holder = excluded.holder OR NOT {ALIVE.format('c.holder')} RETURNING c.key"
)
IS_ALIVE: Final = f"SELECT {ALIVE.format('%s')}"
RELEASE: Final = "DELETE FROM tcc.claim WHERE key = ANY(%s::uuid[]) AND holder = %s"
DELIVERED: Final = "SELECT key, digest, segment, line, hint FROM tcc.delivered WHERE key = ANY(%s::uuid[])"
LETTERED: Final = "SELECT DISTINCT key FROM tcc.letter WHERE key = ANY(%s::uuid[])"
DOUBTFUL: Final = (
    "SELECT here.key FROM unnest(%s::uuid[], %s::int8[], %s::int8[], %s::int8[], %s::int8[]) "
    "AS here (key, hint, digest, segment, line) LEFT JOIN tcc.delivered AS d USING (key, hint, digest, segment, line) "
    "WHERE d.key IS NULL OR EXISTS (SELECT FROM tcc.letter AS l WHERE l.key = here.key)"
)
DELIVER: Final = (
    "INSERT INTO tcc.delivered (key, hint, digest, segment, line) "
    "SELECT * FROM unnest(%s::uuid[], %s::int8[], %s::int8[], %s::int8[], %s::int8[]) "
    "ON CONFLICT (key, hint) DO NOTHING"  # what else was delivered under this key has the row of a letter
)

# letters
LETTERS: Final = "SELECT id, key, digest, segment, line, fate, reason, hint FROM tcc.letter"
LOCK_LETTERS: Final = "SELECT FROM tcc.letter WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE"
WRITE_LETTERS: Final = (
    "INSERT INTO tcc.letter AS l (id, key, digest, segment, line, fate, reason, hint, body) SELECT * FROM unnest("
    "%s::text[], %s::uuid[], %s::int8[], %s::int8[], %s::int8[], %s::text[], %s::text[], %s::int8[], %s::bytea[]) "
    "ON CONFLICT (id) DO UPDATE SET key = excluded.key, digest = excluded.digest, segment = excluded.segment, "
    "line = excluded.line, fate = excluded.fate, reason = excluded.reason, hint = excluded.hint, "
    "body = coalesce(excluded.body, l.body) "
    "WHERE l.fate NOT IN ('delivered', 'dropped')"  # another worker has settled it since
)

# segments
SEGMENTS: Final = f"SELECT {', '.join(SEGMENT_COLUMNS)} FROM tcc.segment WHERE last_commit IS NOT NULL"  # noqa: S608
NUMBER: Final = (
    "INSERT INTO tcc.segment (id, holder) SELECT %(id)s, %(fence)s "  # only if it is missing: a conflict costs a number
    "WHERE NOT EXISTS (SELECT FROM tcc.segment WHERE id = %(id)s) ON CONFLICT (id) DO NOTHING"
)
HOLD: Final = (
    "UPDATE tcc.segment AS s SET holder = %(fence)s "  # noqa: S608
    "WHERE id = %(id)s AND holder IS DISTINCT FROM %(fence)s "
    f"AND NOT {ALIVE.format('s.holder')}"
)
HELD: Final = "SELECT number, holder = %(fence)s FROM tcc.segment WHERE id = %(id)s"
WRITE_SEGMENTS: Final = (
    f"UPDATE tcc.segment AS s SET {', '.join(f'{name} = v.{name}' for name in WRITTEN_COLUMNS[1:])}, "  # noqa: S608
    "holder = CASE WHEN NOT v.finished THEN s.holder END "  # a finished segment is nobody's: there may be copies of it
    f"FROM unnest({_ARRAYS}) AS v ({', '.join(WRITTEN_COLUMNS)}) WHERE s.number = v.number AND s.holder = %s "
    # or a row would shrink while its segment is read again; but a writer may take back a torn tail
    "AND (s.last_commit IS NULL OR v.size >= s.size - s.torn)"
)
READ_NOW: Final = f"SELECT number FROM tcc.segment AS s WHERE {ALIVE.format('s.holder')}"  # noqa: S608
OURS: Final = (  # locked, so that nobody takes one before it is written
    "SELECT number, holder IS NOT DISTINCT FROM %s FROM tcc.segment WHERE number = ANY(%s::int8[]) "
    "ORDER BY number FOR UPDATE"
)
ADJUST: Final = (
    # not if an earlier try of this commit has made it, which led to the fate that the letter has now
    f"UPDATE tcc.segment SET {', '.join(f'{name} = {name} + %s' for name in COUNT_NAMES)}, "  # noqa: S608
    "holder = CASE WHEN holder = %s THEN holder END "  # who counts it in memory must count anew
    "WHERE number = %s AND NOT EXISTS (SELECT FROM tcc.letter WHERE id = %s AND fate = ANY(%s::text[]))"
)
COMMITTED: Final = "UPDATE tcc.worker SET committed = %s WHERE fence = %s"

# counted from keys and letters
SETTLED_LINES: Final = (
    "SELECT segment, 'delivered', count(DISTINCT line) FROM tcc.delivered AS d WHERE NOT EXISTS "
    "(SELECT FROM tcc.letter AS l WHERE l.segment = d.segment AND l.line = d.line) GROUP BY segment UNION ALL "
    "SELECT segment, fate, count(DISTINCT line) FROM tcc.letter WHERE fate IN ('delivered', 'dead', 'dropped') "
    "GROUP BY segment, fate"
)
_OTHER: Final = "k.key = l.key AND k.digest <> l.digest AND (k.hint = l.hint OR -1 IN (k.hint, l.hint))"
CONTESTED_LINES: Final = (
    "WITH contested (key) AS MATERIALIZED (SELECT DISTINCT key FROM tcc.letter AS l "  # noqa: S608
    f"WHERE reason = 'conflict' OR EXISTS (SELECT FROM tcc.delivered AS k WHERE {_OTHER}) "
    f"OR EXISTS (SELECT FROM tcc.letter AS k WHERE {_OTHER})) "
    "SELECT segment, count(*) FROM (SELECT segment, line FROM tcc.delivered JOIN contested USING (key) "
    "UNION SELECT segment, line FROM tcc.letter JOIN contested USING (key)) AS lines GROUP BY segment"
)

# upkeep
_SETTLED: Final = " + ".join(name for name in COUNT_NAMES if name not in ("records", "recovered"))
_IDLE: Final = (
    "SELECT number FROM tcc.segment AS s WHERE number = ANY(%(numbers)s::int8[]) "  # noqa: S608
    f"AND NOT {ALIVE.format('s.holder')}"
)
PRUNE: Final = (
    f"{_IDLE} ORDER BY number FOR UPDATE",
    # the range is what the index knows of
    f"DELETE FROM tcc.delivered WHERE segment BETWEEN %(least)s AND %(most)s AND segment IN ({_IDLE})",  # noqa: S608
    f"DELETE FROM tcc.letter WHERE fate IN ('delivered', 'dropped') AND segment IN ({_IDLE})",  # noqa: S608
    f"DELETE FROM tcc.segment WHERE number IN ({_IDLE})",  # noqa: S608
)
FORGET: Final = (
    f"UPDATE tcc.segment SET size = 0, finished = true, records = {_SETTLED}, damaged = 0, torn = 0, refused = 0, "  # noqa: S608
    "sealed = NULL, skipped = 0, holder = NULL WHERE number = ANY(%s::int8[])"
)
KEYS: Final = "SELECT count(*) FROM tcc.delivered"
SIZE: Final = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 FROM pg_class AS c "
    "WHERE c.relnamespace = 'tcc'::regnamespace AND c.relkind = 'r'"
)
