"""Which additions to the counts of segments are still to be made.  Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain

from tcc_uploader.model.rows import Adjustment


def not_made(adjustments: Iterable[Adjustment], fates: Mapping[str, str]) -> list[Adjustment]:
    """Leave out what an earlier try of this commit made, that ended with an error only afterwards.

    That is what led to the fate which a letter has now, in ``fates``: an addition must not be made twice.
    """
    left: dict[str, list[Adjustment]] = defaultdict(list)
    for adjustment in adjustments:
        if fates.get(adjustment.letter) == adjustment.fate:
            left[adjustment.letter].clear()
        else:
            left[adjustment.letter].append(adjustment)
    return list(chain.from_iterable(left.values()))
