"""What the requests of the official SDKs say, as wire items: one pure module for each kind of record.

``read`` has the table of kinds.  Each reader takes the JSON value of a body and returns items as the official client
for custom runs would post them: at most one ``run``, and ``step`` and ``tool_call``; and ``span`` for whatever has a
place in time but is neither of these: a node of a graph, a sub-agent, a message of an unknown type.  So all views show
every kind of record alike, and need to know none.

**Nothing is dropped.**  What an item's own members say is in these members; all else of what it was made of is in its
``attributes``, by the names that it was posted with.  What can't be read at all becomes a
:class:`~tcc_uploader.inspect.runs.values.Post`.

**Nothing is guessed.**  A member is read only if its convention, or a request that a real SDK made, says plainly what
it means.  Without one that tells how a run ended, its outcome is unknown.

**Input is hostile.**  Any value may be of any type; what is nested deep was cut before (:func:`.body.parsed`), what is
compressed is unpacked with a bound, and a body with more than :data:`.items.MOST` items is shown raw.
"""
