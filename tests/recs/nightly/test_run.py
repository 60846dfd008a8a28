"""The nightly path end to end, on a shop in which shoppers keep to one shelf each."""

from datetime import datetime

import pytest

from recs import registry
from recs.engine.interactions import Kind
from recs.engine.recommender import CannotLearn
from recs.engine.recommenders.ease import Ease
from recs.engine.recommenders.transition_graph import TransitionGraph
from recs.models import ModelVersion, ProductVector, SecondStageWeight, ShopperVector, TrainingRun
from recs.nightly import run as nightly
from recs.nightly.lease import Lease
from recs.nightly.run import AlreadyRunning, run_nightly
from recs.nightly.train import Trained, checkpoint_folder
from recs.product_vectors import nearest
from recs.shopper_vectors import dirty_shoppers, fresh_vector
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs import small_shop
from tests.recs.small_shop import MINUTES

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

FAMILY = [
    "popularity",
    "content_based",
    "item_knn",
    "user_knn",
    "matrix_factorization",
    "ease",
    "neural_cf",
    "transformer",
    "hybrid",
]


def test_a_first_model_that_beats_popularity_is_published_and_serves(shelves):
    run = run_nightly(minutes=MINUTES)

    assert run.status == "published", run.reason
    assert run.reason.startswith("better: challenger ")
    assert run.version.status == "active"
    version = registry.active_version()
    assert version.id == run.version.pk
    assert ProductVector.objects.filter(version_id=version.id).count() == 72
    assert ShopperVector.objects.filter(version_id=version.id).count() == 90
    assert dirty_shoppers(version=version, limit=10) == []
    newcomer = InteractionFactory(product=shelves[2][0]).shopper
    vector = fresh_vector(shopper=newcomer, version=version).vector
    found = {product_id for product_id, _ in nearest(version=version, vector=vector, limit=8)}
    assert len(found & {product.pk for product in shelves[2]}) >= 6


def test_a_run_keeps_every_figure(shelves):
    run = run_nightly(minutes=MINUTES, trigger="beat")

    figures = run.figures
    assert list(figures["quality"]) == FAMILY
    assert set(figures["quality"]["transformer"]) >= {"hr@10", "ndcg@10", "mrr", "coverage@10"}
    assert figures["challenger"] in FAMILY[1:]
    chosen = {name: one["validation_ndcg@10"] for name, one in figures["quality"].items()}
    assert chosen[figures["challenger"]] == max(chosen.values())
    assert figures["start"] == "cold: no model is published yet"
    assert figures["no_champion"] == "no model is published yet"
    assert figures["trigger"] == "beat"
    assert list(figures["curves"]) == ["neural_cf", "transformer"]
    spent = {name: one["train_seconds"] for name, one in figures["quality"].items()}
    assert spent["hybrid"] >= spent["transformer"] + spent["ease"]
    assert run.started_at.replace(microsecond=0) <= datetime.fromisoformat(figures["history_until"])
    assert figures["curves"]["transformer"][0]["epoch"] == 1.0
    assert {point["stage"] for point in figures["curves"]["neural_cf"]} == {"factorised", "deep"}
    assert set(figures["blend_by_length_of_history"]) == {"1", "2-4", "5-9", "10+"}
    assert all(
        set(weights) <= set(FAMILY) | {"transition_graph"}
        for weights in figures["blend_by_length_of_history"].values()
    )
    assert {name: set(one) >= {"kept"} for name, one in figures["second_stage"].items()} == {
        "transformer": True,
        "hybrid": True,
    }
    assert figures["data"]["interactions"] == 810
    assert figures["data"]["products"] == 72
    assert figures["data"]["shoppers"] == 90
    assert list(figures["seconds"]) == [
        "clear",
        "dataset",
        "train",
        "evaluate",
        "build",
        "embed shoppers",
        "swap",
        "retire",
    ]


def test_the_next_night_goes_on_from_the_champions_towers(shelves, monkeypatch):
    champion = run_nightly(minutes=MINUTES).version
    asked: list[int | None] = []
    load = nightly.load_dataset
    monkeypatch.setattr(
        nightly, "load_dataset", lambda **given: asked.append(given["since"]) or load(**given)
    )

    figures = run_nightly(minutes=MINUTES).figures

    # What has taught or chosen anything of the champion is not held out.
    assert asked == [champion.config["chosen_until"]]
    assert champion.config["chosen_until"] > champion.config["trained_until"]
    assert figures["start"] == "warm"
    first = figures["curves"]["transformer"][0]
    assert first["epoch"] == 0.0
    assert figures["quality"]["transformer"]["validation_ndcg@10"] >= round(first["ndcg@10"], 5)


def test_the_owners_settings_reach_the_training(shelves, settings, monkeypatch):
    settings.HISTORY_LENGTH = 7
    settings.INTERACTION_WEIGHTS = {**settings.INTERACTION_WEIGHTS, "view": 0.05}
    SecondStageWeight.objects.update_or_create(head="cart", defaults={"weight": 0.05})
    found: list[Trained] = []
    train = nightly.train
    monkeypatch.setattr(nightly, "train", lambda *one, **more: found.append(train(*one, **more)) or found[0])
    graphs: list[TransitionGraph] = []
    made = TransitionGraph.__init__
    monkeypatch.setattr(
        TransitionGraph, "__init__", lambda own, *given: graphs.append(own) or made(own, *given)
    )

    run_nightly(minutes=MINUTES)

    transformer, hybrid = (found[0].family[name] for name in ("transformer", "hybrid"))
    assert transformer.user_config.longest == 7
    for one in (transformer.training_config, graphs[0]):
        assert one.kind_weights[Kind.VIEW] == 0.05
    assert transformer.heads["cart"] == hybrid.heads["cart"] == 0.05


def test_a_challenger_that_is_no_better_is_refused_and_the_champion_serves_on(shelves):
    champion = run_nightly(minutes=MINUTES).version

    # The same seed on the same history gives the same baselines, and the champion's towers are not trained further.
    run = run_nightly(minutes=1e-6)

    assert run.status == "refused"
    assert run.reason.startswith("not better: challenger ")
    assert " champion " in run.reason
    assert run.version is None
    assert list(run.figures["quality"]) == [*FAMILY, "champion"]
    assert registry.active_version().id == champion.pk
    assert ModelVersion.objects.count() == 1
    published, again = ModelVersion.objects.get(), run.figures["quality"]["champion"]
    served = published.metrics[published.recommender]
    assert {name: served[name] for name in again} == pytest.approx(again, abs=0.01)


def test_what_cannot_learn_from_such_a_history_is_left_out(shelves, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise CannotLearn("no such history")

    monkeypatch.setattr(Ease, "fit", refuse)

    run = run_nightly(minutes=MINUTES)

    assert run.status == "published", run.reason
    assert list(run.figures["quality"]) == [name for name in FAMILY if name != "ease"]


def test_a_roll_back_while_a_version_is_built_is_not_undone_by_it(shelves, monkeypatch):
    products = [product for shelf in shelves for product in shelf]
    first = small_shop.publish_model(products)
    small_shop.publish_model(products)
    embed = nightly.publish.embed_shoppers
    monkeypatch.setattr(
        nightly.publish,
        "embed_shoppers",
        lambda *one, **more: embed(*one, **more) and nightly.publish.rollback(),
    )

    run = run_nightly(minutes=MINUTES)

    assert run.status == "refused"
    assert f"was not compared with the one that is active ({first.name})" in run.reason
    assert registry.active_version().id == first.id
    assert not ModelVersion.objects.filter(status="ready", activated_at=None).exists()


def test_what_was_activated_during_the_training_and_cannot_be_compared_with_stays(shelves, monkeypatch):
    products = [product for shelf in shelves for product in shelf]
    train, activated = nightly.train, []

    def meanwhile(*one, **more) -> Trained:
        activated.append(small_shop.publish_model(products))
        ModelVersion.objects.update(config={"chosen_until": 2**40})
        return train(*one, **more)

    monkeypatch.setattr(nightly, "train", meanwhile)

    run = run_nightly(minutes=MINUTES)

    assert run.status == "refused"
    assert run.reason.startswith("another version was activated meanwhile: ")
    assert registry.active_version() == activated[0]


def test_a_run_that_was_judged_leaves_no_checkpoint(shelves):
    run_nightly(minutes=1e-6)

    assert not checkpoint_folder().exists()


def test_a_run_removes_what_a_killed_one_left(shelves):
    dead_run = TrainingRun.objects.create(stage="build")
    dead, _ = small_shop.build_model(shelves[0])
    ModelVersion.objects.filter(pk=dead.pk).update(status="building")

    run_nightly(minutes=1e-6)

    dead_run.refresh_from_db()
    assert dead_run.status == "interrupted"
    assert not ModelVersion.objects.filter(pk=dead.pk).exists()


def test_a_second_run_at_the_same_time_changes_nothing(shelves):
    with Lease.taken(), pytest.raises(AlreadyRunning):
        run_nightly(minutes=MINUTES)

    assert TrainingRun.objects.count() == 1


def test_a_failure_is_noted_and_nothing_half_built_stays_after_the_next_run(shelves, monkeypatch):
    monkeypatch.setattr(nightly.publish, "embed_shoppers", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_nightly(minutes=MINUTES)
    failed = TrainingRun.objects.get()
    assert (failed.status, failed.stage) == ("failed", "embed shoppers")
    assert failed.reason == "ZeroDivisionError: division by zero"
    monkeypatch.undo()

    run = run_nightly(minutes=MINUTES)

    assert run.status == "published"
    assert ModelVersion.objects.get() == run.version


def test_a_run_that_has_published_stays_published_whatever_becomes_of_older_versions(shelves, monkeypatch):
    monkeypatch.setattr(nightly.publish, "retire_old_versions", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run_nightly(minutes=MINUTES)

    run = TrainingRun.objects.get()
    assert (run.status, run.version) == ("published", ModelVersion.objects.get())
    assert run.figures["quality"]
    assert not checkpoint_folder().exists()


@pytest.mark.parametrize("products", [0, 1, 5])
def test_a_shop_without_history_is_refused_with_the_reason(products):
    ProductFactory.create_batch(products)

    run = run_nightly(minutes=MINUTES)

    assert run.status == "refused"
    assert run.reason.startswith("no interaction of the kinds")
    assert run.finished_at is not None


def test_a_shop_with_one_shopper_is_refused_with_the_reason():
    shopper = ShopperFactory()
    for _ in range(50):
        InteractionFactory(shopper=shopper)

    run = run_nightly(minutes=MINUTES)

    assert run.status == "refused"
    assert "20 are needed to compare models" in run.reason
