"""A report: one HTML file with recorded runs, for people; it needs no network and no server.

**The file**, in this order::

    <!doctype html> … content security policy, style, a plain summary for readers without scripts
    <script type="application/octet-stream" id="index">base64(gzip(JSON))</script>
    <script id="app">the page's program</script>          it runs here, while the rest still arrives
    <script type="application/octet-stream" id="c0">base64(gzip(chunk))</script>  … c1, c2, …
    <script type="application/octet-stream" id="end"></script>   if this is missing, the file was cut off

*Index*: one JSON object.  ``columns`` has one list per member, with one value per run, newest first; names that many
runs share are numbers in the lists ``sessions``, ``models``, ….  ``v`` is 1.  The page's ``format.ts`` describes each
member.

*Chunk*: JSON objects ``{"run", "steps", "tools", "feedback"}``, one behind the other, 512 KiB before compression; a
larger run has a chunk of its own.  The index has each one's place in bytes.  A run that an SDK posted may also have
``spans`` and ``posts``.  In ``steps``, a ``prompt`` or
``tool_definitions`` that begins like that of the step before is ``{"$": [n, rest]}``: ``n`` UTF-16 units of that one,
then the rest.  Agents send their whole history at each step: this makes it 50 times smaller than compression alone.
An object that was recorded with a member ``$`` is ``{"$": [0, object]}``.

Chunks go newest run first, as the reader gives them: in one pass, in little memory.  By session the turns of one would
lie in one or two chunks, but the writer would have to read everything twice; a session's page unpacks at most one
chunk for each turn it shows, each in a few milliseconds.

Why many chunks: a browser keeps a block of text that is not looked at outside of the page's memory, so the file may
be large.  Why base64: no byte of a record is ever markup.

**Memory**: the index, and a few chunks: one is filled while those before it are compressed by other threads.  The same
runs give the same bytes.

Begin with ``write``.
"""
