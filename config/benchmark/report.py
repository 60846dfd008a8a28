"""What a benchmark found: figures for programs, and the same figures as a table for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Report:
    """``figures`` has the keys that are promised; ``columns`` and ``rows`` are the table, texts all."""

    title: str
    figures: Mapping[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "Report":
        return cls(**json.loads(path.read_text()))

    def print(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left")
        for position, column in enumerate(self.columns):
            table.add_column(column, justify="left" if position == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def ms(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rounded(value: Any) -> Any:
    """Floats to four significant digits: the rest is noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value
