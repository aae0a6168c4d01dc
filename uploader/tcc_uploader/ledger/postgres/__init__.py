"""The ledger in PostgreSQL, which many uploaders share.  docs/fleet.md says when, and what each failure costs.

Imported only if a setting names such a ledger, because psycopg is an extra.  Begin with ``store``, then ``worker``.
"""
