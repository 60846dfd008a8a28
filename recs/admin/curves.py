"""Learning curves as a drawing: validation NDCG@10 against seconds of training."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 12, 30
"""Room for the axes' numbers, and at the right for the names of the lines."""
MEASURE = "ndcg@10"
LEAST_APART = 14.0
"""Between two names, one under another."""

Points = list[tuple[float, float, str]]


def learning_curves(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> SafeString:
    """A line for each recommender that learns by epochs, or for each of its stages; nothing where nobody was judged.

    ``curves``: by name the epochs, each with ``seconds``, ``epoch``, ``ndcg@10`` and perhaps ``stage``.
    """
    lines = _lines(curves)
    if not lines:
        return mark_safe("")
    longest = max(seconds for line in lines.values() for seconds, _, _ in line) or 1.0
    highest = max(value for line in lines.values() for _, value, _ in line) or 1.0
    drawn = []
    names: list[float] = []
    for number, (name, line) in enumerate(sorted(lines.items(), key=lambda pair: -pair[1][-1][1])):
        at = [(_x(seconds / longest), _y(value / highest), told) for seconds, value, told in line]
        # From the highest down, each below the one before.
        names.append(max(at[-1][1] + 4, names[-1] + LEAST_APART if names else 0.0))
        drawn.append(_line(number, name, at, names[-1]))
    return format_html(
        '<figure class="curves"><svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>'
        "<figcaption>{}</figcaption></figure>",
        WIDTH,
        HEIGHT,
        "Learning curves: NDCG@10 on validation against seconds of training",
        _axes(longest, highest),
        format_html_join("", "{}", ((part,) for part in drawn)),
        "NDCG@10 on validation against seconds of training, a point for each epoch",
    )


def _lines(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Points]:
    lines: dict[str, Points] = {}
    for name, epochs in curves.items():
        stages = {epoch.get("stage") for epoch in epochs}
        for epoch in epochs:
            if epoch.get(MEASURE) is None or epoch.get("seconds") is None:
                continue
            line = f"{name}, {epoch['stage']}" if len(stages) > 1 else name
            seconds, value = float(epoch["seconds"]), float(epoch[MEASURE])
            told = f"epoch {epoch.get('epoch', 0):g}: {value:.4f} after {seconds:.0f} s"
            lines.setdefault(line, []).append((seconds, value, told))
    return lines


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _line(number: int, name: str, at: Points, beside: float) -> SafeString:
    return format_html(
        '<g class="curve curve-{}"><polyline points="{}"/>{}<text x="{}" y="{}">{}</text></g>',
        number % 4,
        " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in at),
        format_html_join(
            "",
            '<circle cx="{}" cy="{}" r="2.5"><title>{}</title></circle>',
            ((f"{x:.1f}", f"{y:.1f}", told) for x, y, told in at),
        ),
        f"{at[-1][0] + 8:.1f}",
        f"{beside:.1f}",
        name.replace("_", " "),
    )


def _axes(longest: float, highest: float) -> SafeString:
    left, bottom = _x(0), _y(0)
    marks = [(_x(0), bottom + 16, "start", "0 s"), (_x(1), bottom + 16, "end", f"{longest:,.0f} s")]
    marks += [(left - 6, _y(share) + 4, "end", f"{share * highest:.4f}") for share in (0.0, 0.5, 1.0)]
    grid = format_html_join(
        "",
        '<line x1="{}" x2="{}" y1="{}" y2="{}"/>',
        (
            (f"{left:.1f}", f"{_x(1):.1f}", f"{_y(share):.1f}", f"{_y(share):.1f}")
            for share in (0.0, 0.5, 1.0)
        ),
    )
    words = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        ((f"{x:.1f}", f"{y:.1f}", anchor, word) for x, y, anchor, word in marks),
    )
    return format_html('<g class="axes">{}{}</g>', grid, words)
