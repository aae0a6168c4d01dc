"""Recorded runs, joined from their records and read from anything that ``replay`` takes.  It changes nothing.

**What is joined.**  A run's record may hold its steps and tool calls; but a large run is written as one line for each
child and then the run's, a late child or feedback is a line of its own, and all of these may lie in other segments and
files.  A run whose process died, or that still runs, has only journal lines.  :mod:`.reader` finds the lines,
:mod:`.join` makes a :class:`.values.Run` of them.  What another SDK posted is read by :mod:`.kinds`: posts of one run
id are one run, or part of that which has a record of its own.

**Order and memory.**  Runs come newest first, by their start, and one at a time.  A file is read only when a run in
it may be the next: no run in it began after its seal was written (:func:`.newest.newest_in`).  So the newest runs of a
large spool come at once, and whoever wants no more stops there.  In memory are

- of each run that was found, but has not had its turn: 36 bytes (:class:`.places.Block`).  In a spool that recorders
  wrote as things happened these are the runs of a few segments; of imported runs and of archives, possibly all;
- of each child, feedback or journal line whose run has not had its turn: its place, about 300 bytes.  A late one is
  newer than its run and so is met first, and nothing tells whether its run is here at all: if it isn't, the place stays
  to the end, for :meth:`.reader.RunReader.without_record`.  So these are as many as there are such lines;
- of each post: both of these, because its run has its turn when the oldest post that was found has it;
- of each run that has a record: a number, 9 bytes, so that its posts are no second run;
- of each run that had its turn: a number, 9 bytes, because a second record of the run may stand in the oldest file;
- the one run that is being joined, with its contents: they are read again from their place.

What comes from an archive, a compressed file or a pipe can be read only once.  Its records are copied to an unnamed
temporary file, which only this process can open.

**Twice.**  If a run was recorded twice, the later record wins, and :attr:`.reader.RunReader.twice` has its id when the
older record has had its turn.  A copy of a segment that was read before is no second record: its lines are skipped.
Runs of one id that were made under two keys are two runs; so are runs of one id that were posted with different bytes.
Posts about one run that lie in files far apart in time may be shown as several runs of its id.

Begin with ``reader``.
"""
