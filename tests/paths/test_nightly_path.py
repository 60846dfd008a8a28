"""PATH 3 for real: history → train → evaluate → publish → swap → retire, and what happens when it is killed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from accounts.models import Shopper
from catalog.models import Product
from recs import product_vectors, registry
from recs.feed.scenarios import Feed, serve_feed
from recs.models import ModelVersion, ProductVector, ShopperVector, TrainingRun
from recs.nightly.publish import CannotActivate, activate, rollback
from recs.nightly.run import run_nightly
from tests.paths.shop import MINUTES, publish_a_model, stock_the_shop
from tests.processes import python_process
from tests.recs import small_shop

Status = ModelVersion.Status


def test_a_night_publishes_a_version_with_every_figure(transactional_db):
    stock_the_shop()

    run = publish_a_model()

    version = run.version
    assert version is not None
    assert version.status == Status.ACTIVE
    assert ProductVector.objects.filter(version=version).count() == 48
    assert ShopperVector.objects.filter(version=version).count() == 160
    assert {"popularity", "item_knn", "ease", "transformer", "hybrid"} <= set(run.figures["quality"])
    quality = run.figures["quality"]
    assert quality["transformer"]["ndcg@10"] > 1.5 * quality["popularity"]["ndcg@10"]
    assert registry.artifact_folder(version.artifact).is_dir()


def test_the_search_of_a_version_uses_its_index(transactional_db):
    stock_the_shop()
    version = publish_a_model().version
    assert version is not None
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN SELECT product_id FROM recs_productvector WHERE version_id = {version.pk}"
            f" ORDER BY vector::halfvec({version.dimension})"
            f" <#> (SELECT vector::halfvec({version.dimension}) FROM recs_productvector"
            f"      WHERE version_id = {version.pk} LIMIT 1) LIMIT 5"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")

    assert f"{product_vectors.partition_name(version.pk)}_hnsw" in plan


def test_a_challenger_that_is_not_better_is_refused_and_the_run_says_why(transactional_db):
    stock_the_shop()
    champion = publish_a_model().version

    # The same seed on the same history gives the same baselines, and the champion's towers are not trained further:
    # the same model, so not better.
    run = run_nightly(minutes=1e-6, seed=7)

    assert run.status == TrainingRun.Status.REFUSED
    assert run.reason.startswith("not better: challenger")
    assert "champion" in run.figures["quality"]
    assert ModelVersion.objects.get().pk == champion.pk


def test_a_shop_without_a_history_is_refused_in_words(transactional_db):
    run = run_nightly(minutes=MINUTES)

    assert run.status == TrainingRun.Status.REFUSED
    assert run.reason.startswith("no interaction of the kinds")


def test_rolling_back_returns_to_the_version_before_and_again(transactional_db):
    stock_the_shop()
    first, second = _two_versions()

    assert rollback().pk == first.pk
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.ACTIVE, Status.READY)
    assert rollback().pk == second.pk


def test_the_version_before_the_previous_is_retired(transactional_db):
    stock_the_shop()
    first, second = _two_versions()
    third = _another_version()

    first.refresh_from_db()
    assert first.status == Status.RETIRED
    assert not ProductVector.objects.filter(version=first).exists()
    assert not registry.artifact_folder(first.artifact).exists()
    assert ModelVersion.objects.get(pk=second.pk).status == Status.READY
    with pytest.raises(CannotActivate, match="is retired"):
        activate(first)
    assert third.status == Status.ACTIVE


def test_rolling_back_with_nothing_to_go_back_to_says_so(transactional_db):
    with pytest.raises(CommandError, match="no earlier version is kept"):
        call_command("rollback")


def test_a_run_killed_while_training_leaves_nothing_behind_and_the_next_goes_on(
    transactional_db, process_environment, tmp_path: Path
):
    stock_the_shop()
    arguments = ["manage.py", "retrain", "--minutes", "5"]
    with python_process(arguments, log=tmp_path / "retrain.log", environment=process_environment) as process:
        process.wait_for(lambda: TrainingRun.objects.filter(stage="train").exists(), what="training")
        process.kill()
    assert TrainingRun.objects.get().status == TrainingRun.Status.RUNNING

    publish_a_model()

    interrupted, published = TrainingRun.objects.order_by("started_at")
    assert interrupted.status == TrainingRun.Status.INTERRUPTED
    assert published.status == TrainingRun.Status.PUBLISHED
    assert ModelVersion.objects.count() == 1


def test_what_a_killed_run_had_half_built_is_taken_away(transactional_db):
    stock_the_shop()
    half = ModelVersion.objects.create(
        name="half", recommender="transformer", dimension=64, artifact="version-half"
    )
    product_vectors.create_partition(version_id=half.pk)
    registry.artifact_folder("version-half").mkdir(parents=True, exist_ok=True)

    publish_a_model()

    assert not ModelVersion.objects.filter(name="half").exists()
    assert not registry.artifact_folder("version-half").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [product_vectors.partition_name(half.pk)])
        assert cursor.fetchone()[0] is None


def test_requests_during_a_swap_never_mix_versions(transactional_db):
    stock_the_shop()
    first = publish_a_model().version
    # Of another width, so that a product of one and a shopper of the other cannot even be compared.
    second, _ = small_shop.build_model(list(Product.objects.order_by("pk")))
    assert second.dimension != first.dimension
    activate(second)
    shopper = Shopper.objects.filter(last_seq__gt=0).first()
    served: list[Feed] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            served.append(serve_feed(scenario="home", shopper=shopper, count=8))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    swaps, until = 0, time.monotonic() + 30
    while swaps < 10 or (len({feed.model_version for feed in served}) < 2 and time.monotonic() < until):
        rollback()
        swaps += 1
    ended.set()
    for thread in threads:
        thread.join()

    assert {feed.model_version for feed in served} == {first.name, second.name}
    assert [stage.error for feed in served for stage in feed.trace.stages if stage.error] == []
    assert all(len(feed.items) == 8 for feed in served)


def _two_versions() -> tuple[ModelVersion, ModelVersion]:
    first = publish_a_model().version
    assert first is not None
    return first, _another_version()


def _another_version() -> ModelVersion:
    """A further version by the same steps, whatever its quality: what is tested here is the swap."""
    from recs.engine.recommenders.transformer import Transformer
    from recs.nightly import publish
    from recs.nightly.dataset import load_dataset

    active = registry.active_version()
    assert active is not None
    model = Transformer()
    dataset = load_dataset(seed=3)
    model.load(active.artifact)
    version = publish.build_version(model=model, dataset=dataset, metrics={}, config={})
    publish.embed_shoppers(version)
    publish.mark_ready(version)
    publish.activate(version)
    publish.retire_old_versions()
    return version
