"""What a gateway counts, in Prometheus' text format."""

from collections import Counter
from collections.abc import Mapping


class Metrics:
    """The counts since the start; used by the server's thread alone."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        """By kind."""
        self.answers: Counter[str] = Counter()
        """By status."""
        self.bytes = 0
        """Of the bodies that were recorded, as they came."""
        self.redacted = 0

    def recorded(self, kind: str, size: int, redacted: int) -> None:
        """Count a record of ``size`` bytes."""
        self.records[kind] += 1
        self.bytes += size
        self.redacted += redacted

    def text(self, gauges: Mapping[str, int]) -> str:
        """Return all counts, and what is so at this moment."""
        return "".join(
            (
                *_family("records_total", "counter", self.records, "kind"),
                *_family("answers_total", "counter", self.answers, "status"),
                *_family("recorded_bytes_total", "counter", {"": self.bytes}),
                *_family("redacted_total", "counter", {"": self.redacted}),
                *(line for name, value in gauges.items() for line in _family(name, "gauge", {"": value})),
            )
        )


def _family(name: str, kind: str, values: Mapping[str, int], label: str = "") -> list[str]:
    name = f"tcc_gateway_{name}"
    lines = [f"# TYPE {name} {kind}\n"]
    for value, count in sorted(values.items()):
        labels = f'{{{label}="{value}"}}' if label else ""
        lines.append(f"{name}{labels} {count}\n")
    return lines
