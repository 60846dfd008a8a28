"""How fast the storefront's pages are, against a view that renders an empty template."""

from config.benchmark.load import Target, get, measure, measure_in_turn
from config.benchmark.queries import count_queries
from config.benchmark.report import Report, ms
from config.benchmark.synthetic import SyntheticShop

CONCURRENCY = 8
WARM_UP_SECONDS = 2.0
PRODUCT_PAGES = 200


def benchmark_page(*, port: int, shop: SyntheticShop, seconds: float) -> Report:
    tokens = shop.tokens
    product_pages = [
        Target(f"/p/{code}/{slug}", tokens[step % len(tokens)])
        for step, (code, slug) in enumerate(zip(shop.codes, shop.slugs, strict=True))
    ][:PRODUCT_PAGES]
    pages = {
        "home": [Target("/", token) for token in tokens],
        "product": product_pages,
        "empty": [Target("/benchmark/page")],
    }
    for targets in pages.values():
        measure(port, targets, concurrency=CONCURRENCY, seconds=WARM_UP_SECONDS)
    loads = {f"{name} 1": (targets, 1) for name, targets in pages.items()}
    loads |= {f"{name} busy": (targets, CONCURRENCY) for name, targets in pages.items()}
    measured = measure_in_turn(port, loads, seconds=seconds)
    alone = {name: measured[f"{name} 1"] for name in pages}
    busy = {name: measured[f"{name} busy"] for name in pages}
    figures: dict[str, object] = {
        "benchmark": "page",
        "products": shop.product_count,
        "shoppers": len(tokens),
        "floor_view_p50_ms": alone["empty"].p50_ms,
    }
    rows = []
    for name in ("home", "product"):
        first = pages[name][0]
        found = {
            "rps": alone[name].rps,
            "p50_ms": alone[name].p50_ms,
            "p99_ms": alone[name].p99_ms,
            f"rps_at_{CONCURRENCY}": busy[name].rps,
            f"p99_ms_at_{CONCURRENCY}": busy[name].p99_ms,
            "bytes": len(get(port, first.path, first.token).body),
            "sql_queries": count_queries(first.path, str(first.token)),
            "ratio_to_floor": alone[name].p50_ms / alone["empty"].p50_ms,
        }
        figures[name] = found
        rows.append(
            (
                f"{name} page",
                f"{alone[name].rps:.1f}",
                f"{busy[name].rps:.1f}",
                ms(alone[name].p50_ms),
                ms(alone[name].p99_ms),
                f"{found['bytes']:,}",
                str(found["sql_queries"]),
                f"{found['ratio_to_floor']:.1f} ×",
            )
        )
    floor = alone["empty"]
    rows.append(
        (
            "empty template",
            f"{floor.rps:.1f}",
            f"{busy['empty'].rps:.1f}",
            ms(floor.p50_ms),
            ms(floor.p99_ms),
            *("",) * 3,
        )
    )
    title = f"page: {shop.product_count:,} products, {len(tokens):,} shoppers, {seconds:g} s each"
    columns = (
        "",
        "requests/s",
        f"at {CONCURRENCY}",
        "p50 ms",
        "p99 ms",
        "bytes",
        "SQL",
        "to the floor",
    )
    return Report(title, figures, columns, rows)
