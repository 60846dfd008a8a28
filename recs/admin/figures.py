"""JSON figures as tables to read: rows that share their columns stand under one head."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

METRICS = ("ndcg@10", "hr@10", "ndcg@5", "hr@5", "mrr", "coverage@10", "targets", "validation_ndcg@10")


def best_first(quality: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By NDCG@10, with its columns in the order of ``METRICS``, others behind: Postgres keeps no order of keys."""
    rows = sorted(quality.items(), key=lambda pair: -(pair[1].get(METRICS[0]) or 0.0))
    return {
        name: {key: row[key] for key in dict.fromkeys([*METRICS, *row]) if key in row} for name, row in rows
    }


def figures_table(figures: Any) -> SafeString:
    """One table for each level of the figures.

    ``{"transformer": {"ndcg@10": 0.1}, "popularity": {"ndcg@10": 0.05}}`` becomes a row for each recommender
    and a column for each metric, as does a list of such; plain values become rows of name and value.
    """
    if not figures:
        return format_html("{}", "–")
    if isinstance(figures, Sequence) and not isinstance(figures, str):
        if all(isinstance(row, Mapping) for row in figures):
            return _grid([("", row) for row in figures])
        return format_html("{}", ", ".join(_text(value) for value in figures))
    if not isinstance(figures, Mapping):
        return format_html("{}", _text(figures))
    plain = [(name, value) for name, value in figures.items() if not _nested(value)]
    rows = [(name, value) for name, value in figures.items() if _flat_row(value)]
    deeper = [(name, value) for name, value in figures.items() if _nested(value) and not _flat_row(value)]
    parts = []
    if plain:
        parts.append(_list(plain))
    parts += [_grid(table) for table in _tables(rows)]
    parts += [format_html("<h4>{}</h4>{}", _title(name), figures_table(value)) for name, value in deeper]
    return format_html(
        '<div class="figures-group">{}</div>', format_html_join("", "{}", ((part,) for part in parts))
    )


def _tables(rows: list[tuple[str, Mapping[str, Any]]]) -> list[list[tuple[str, Mapping[str, Any]]]]:
    """Rows that have any column in common, together."""
    tables: list[list[tuple[str, Mapping[str, Any]]]] = []
    for name, row in rows:
        fitting = (table for table in tables if any(row.keys() & other.keys() for _, other in table))
        table = next(fitting, None)
        if table is None:
            tables.append([(name, row)])
        else:
            table.append((name, row))
    return tables


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)
    )


def _flat_row(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(_nested(inner) for inner in value.values())


def _list(pairs: list[tuple[str, Any]]) -> SafeString:
    rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", ((_title(n), _text(v)) for n, v in pairs))
    return format_html('<table class="figures"><tbody>{}</tbody></table>', rows)


def _grid(rows: list[tuple[str, Mapping[str, Any]]]) -> SafeString:
    """A row for each name, a column for each key that any of them has, in the order of first sight."""
    columns = list(dict.fromkeys(key for _, row in rows for key in row))
    named = any(name for name, _ in rows)
    head = format_html_join("", "<th>{}</th>", ((_title(column),) for column in columns))
    body = format_html_join(
        "",
        "<tr>{}{}</tr>",
        (
            (
                format_html("<th>{}</th>", _title(name)) if named else "",
                format_html_join("", "<td>{}</td>", ((_text(row.get(column)),) for column in columns)),
            )
            for name, row in rows
        ),
    )
    corner = mark_safe("<th></th>") if named else ""
    return format_html(
        '<table class="figures"><thead><tr>{}{}</tr></thead><tbody>{}</tbody></table>', corner, head, body
    )


def _title(name: str) -> str:
    return str(name).replace("_", " ")


def _text(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and value:
            # Epochs and minutes are whole.
            return f"{value:,.0f}"
        case float():
            return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
        case int():
            return f"{value:,}"
        case list():
            return ", ".join(_text(inner) for inner in value) or "–"
    return str(value)
