"""PATH 1 for real: HTTP → Postgres → Redis → a Celery worker process → the stored vector → the next feed."""

from __future__ import annotations

import time
from pathlib import Path

from recs import registry, shopper_vectors
from recs.models import ShopperVector
from recs.tasks import sweep_stale_shoppers
from recs.wake import AWAKE_KEY, DIRTY_KEY
from tests.paths.client import names, new_shopper
from tests.paths.shop import has_seen, publish_a_model, stock_the_shop, stored_seq
from tests.processes import answers, free_port, python_process


def test_the_worker_encodes_a_shopper_after_an_interaction(server, celery_worker_process):
    shelves = stock_the_shop()
    publish_a_model()
    worker = celery_worker_process("realtime")
    shopper = new_shopper(server)

    seq = shopper.interact("view", *[bag.code for bag in shelves["Lunch bag"][:3]])

    worker.wait_for(has_seen(shopper.row, seq), what="encoding the shopper", seconds=20)
    assert stored_seq(shopper.row) == 3


def test_a_feed_follows_at_once_while_the_worker_is_dead(server, celery_worker_process):
    shelves = stock_the_shop()
    publish_a_model()
    celery_worker_process("realtime").kill()
    shopper = new_shopper(server)
    before = shopper.feed(scenario="home", count=8)

    seq = shopper.interact("view", *[bag.code for bag in shelves["Lunch bag"][:3]])
    after = shopper.feed(scenario="home", count=8)

    assert {item["reason"]["code"] for item in before["items"]} <= {"trending", "new"}
    assert after["seq"] == seq == 3
    assert sum(name.startswith("Lunch bag") for name in names(after)[:4]) == 4
    assert after["items"][0]["reason"]["code"] == "because_you_viewed"


def test_interactions_and_feeds_go_on_while_redis_is_dead(
    process_environment, transactional_db, tmp_path: Path
):
    shelves = stock_the_shop()
    publish_a_model()
    port = free_port()
    nowhere = {**process_environment, "REDIS_URL": f"unix://{tmp_path}/nobody-listens-here.sock"}
    arguments = ["-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    with python_process(arguments, log=tmp_path / "server.log", environment=nowhere) as server:
        url = f"http://127.0.0.1:{port}"
        server.wait_for(lambda: answers(f"{url}/healthz"), what="starting a server without Redis")
        shopper = new_shopper(url)
        began = time.monotonic()
        seq = shopper.interact("view", *[mug.code for mug in shelves["Mug"][:2]])
        after = shopper.feed(scenario="home", count=6)

    assert after["seq"] == seq == 2
    assert names(after)[0].startswith("Mug")
    assert time.monotonic() - began < 15
    assert "no task sent, Redis rests" in server.output()


def test_the_sweep_encodes_what_redis_lost(server, redis_client):
    shelves = stock_the_shop()
    publish_a_model()
    shopper = new_shopper(server)
    seq = shopper.interact("view", shelves["Candle"][0].code)
    redis_client.delete("realtime", DIRTY_KEY, AWAKE_KEY)
    assert stored_seq(shopper.row) < seq

    sweep_stale_shoppers()

    assert stored_seq(shopper.row) == seq


def test_an_older_encoding_never_replaces_a_newer_one(server):
    shelves = stock_the_shop()
    publish_a_model()
    version = registry.active_version()
    assert version is not None
    shopper = new_shopper(server)
    shopper.interact("view", shelves["Candle"][0].code)
    old = shopper_vectors.encode(shopper_ids=[shopper.row.pk], version=version)
    seq = shopper.interact("view", shelves["Mug"][0].code)
    shopper_vectors.encode_shoppers(shopper_ids=[shopper.row.pk], version=version)
    newest = ShopperVector.objects.get(shopper=shopper.row).vector

    shopper_vectors.store(old, version=version)

    assert stored_seq(shopper.row) == seq
    assert ShopperVector.objects.get(shopper=shopper.row).vector == newest


def test_removing_the_only_interaction_makes_a_newcomer_at_once(server):
    shelves = stock_the_shop()
    publish_a_model()
    shopper = new_shopper(server)
    shopper.interact("view", shelves["Lunch bag"][0].code)
    assert shopper.feed(scenario="home")["items"][0]["reason"]["code"] == "because_you_viewed"
    entry = shopper.call("GET", "/api/v1/shoppers/me/history")["results"][0]["id"]

    shopper.call("DELETE", f"/api/v1/shoppers/me/history/{entry}")
    after = shopper.feed(scenario="home")

    assert after["seq"] == 2
    assert {item["reason"]["code"] for item in after["items"]} <= {"trending", "new"}
