"""The part of ``manage.py benchmark`` that runs inside the installation made for it."""

import argparse
import logging
import signal
import sys
import time
from pathlib import Path

import django
import structlog
from django.core.management import call_command

from config.benchmark.installation import BenchmarkError


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--products", type=int, required=True)
    parser.add_argument("--shoppers", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    # So that the servers are put away in order, and not only by the signal that their parent's death sends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    django.setup()
    # Of this process alone: its own requests, of which the statements are counted, are nobody's news.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        _benchmark(options)
    except (BenchmarkError, RuntimeError) as failure:
        sys.exit(f"benchmark {options.name}: {failure}")


def _benchmark(options: argparse.Namespace) -> None:
    # Imported late: they need Django's models.
    from config.benchmark.feed import benchmark_feed
    from config.benchmark.freshness import benchmark_freshness
    from config.benchmark.ingest import benchmark_ingest
    from config.benchmark.page import benchmark_page
    from config.benchmark.retrieval import benchmark_retrieval
    from config.benchmark.servers import running_shop
    from config.benchmark.synthetic import fill
    from config.benchmark.training import benchmark_training, make_shop
    from config.benchmark.warm_start import benchmark_warm_start

    benchmarks = {
        "feed": benchmark_feed,
        "freshness": benchmark_freshness,
        "ingest": benchmark_ingest,
        "page": benchmark_page,
    }
    _say("the database's tables")
    call_command("migrate", verbosity=0)
    on_the_demo = {"training": benchmark_training, "warm_start": benchmark_warm_start}
    if options.name in on_the_demo:
        _say("the demo's shop and what its texts and pictures are about")
        make_shop()
        _say("training")
        on_the_demo[options.name](seconds=options.seconds).save(options.report)
        return
    _say(f"{options.products:,} products, {options.shoppers:,} shoppers, a model version")
    shop = fill(products=options.products, shoppers=options.shoppers)
    if options.name == "retrieval":
        _say("measuring")
        report = benchmark_retrieval(shop=shop, seconds=options.seconds)
    else:
        _say("the servers")
        with running_shop() as port:
            _say("measuring")
            report = benchmarks[options.name](port=port, shop=shop, seconds=options.seconds)
    report.save(options.report)


def _say(step: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {step} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
