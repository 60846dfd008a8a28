"""Everybody is asked the same questions, and the challenger must win."""

from dataclasses import replace

import numpy as np
import pytest

from recs.content_items import content_items
from recs.engine.evaluation import Quality
from recs.engine.interactions import HeldOut, History
from recs.engine.recommenders.second_stage.answers import PLACES
from recs.engine.splits import TimeSplit
from recs.engine.transformer.item_tower import UNMET
from recs.models import ModelVersion
from recs.nightly import evaluate
from recs.nightly.dataset import Dataset
from recs.nightly.evaluate import Champion, Decision, load_champion
from tests.contracts.small_recommenders import second_stage_that_follows
from tests.factories import ProductFactory
from tests.recs import small_shop


def decide(qualities: dict[str, Quality]) -> Decision:
    return evaluate.decide(qualities, challenger="transformer")


def quality(*ndcg: float) -> Quality:
    rows = np.array(ndcg, dtype=np.float32)
    return Quality(
        targets=len(rows),
        hr_5=0.0,
        hr_10=0.0,
        ndcg_5=0.0,
        ndcg_10=float(rows.mean()),
        mrr=0.0,
        coverage_10=0.0,
        rows=rows,
    )


def test_a_challenger_that_beats_the_champion_is_better():
    decision = decide(
        {"popularity": quality(0, 0), "transformer": quality(1, 1), "champion": quality(0.5, 0.5)}
    )

    assert decision.publish
    assert decision.reason == (
        "better: challenger 1.0000 > champion 0.5000 (NDCG@10 on 2 targets; difference +0.5000,"
        " 95 % interval +0.5000 to +0.5000)"
    )


def test_one_lucky_target_among_few_does_not_unseat_a_champion():
    lucky = [1.0] + [0.5] * (evaluate.ENOUGH_TARGETS - 2)
    champion = [0.5] * len(lucky)

    few = decide({"popularity": quality(0), "transformer": quality(*lucky), "champion": quality(*champion)})
    many = decide(
        {
            "popularity": quality(0),
            "transformer": quality(*lucky, 0.5),
            "champion": quality(*champion, 0.5),
        }
    )

    assert not few.publish
    assert few.reason.startswith("may be chance, on fewer than 200 targets: challenger 0.5025 > champion 0.5")
    assert many.publish


def test_a_challenger_as_good_as_the_champion_is_refused():
    decision = decide({"popularity": quality(0, 0), "transformer": quality(1, 0), "champion": quality(0, 1)})

    assert not decision.publish
    assert decision.reason.startswith("not better: challenger 0.5000 = champion 0.5000 (NDCG@10 on 2 targets")


def test_a_challenger_worse_than_the_champion_is_refused():
    decision = decide({"popularity": quality(0), "transformer": quality(0.4), "champion": quality(0.5)})

    assert not decision.publish
    assert decision.reason.startswith("not better: challenger 0.4000 < champion 0.5000")


def test_the_first_model_must_beat_popularity():
    assert decide({"popularity": quality(0.1), "transformer": quality(0.2)}).publish
    refused = decide({"popularity": quality(0.2), "transformer": quality(0.1)})
    assert not refused.publish
    assert refused.reason.startswith("not better: challenger 0.1000 < popularity 0.2000")


def test_better_than_the_champion_and_worse_than_popularity_is_refused():
    decision = decide({"popularity": quality(0.3), "transformer": quality(0.2), "champion": quality(0.1)})

    assert decision.reason.startswith("not better: challenger 0.2000 < popularity 0.3000")


def test_the_baselines_beside_popularity_do_not_decide():
    decision = decide({"popularity": quality(0.1), "item_knn": quality(0.9), "transformer": quality(0.2)})

    assert decision.publish


def test_whoever_was_chosen_is_the_challenger():
    qualities = {"popularity": quality(0.1), "transformer": quality(0.3), "hybrid": quality(0.2)}

    decision = evaluate.decide({**qualities, "champion": quality(0.25)}, challenger="hybrid")

    assert decision.reason.startswith("not better: challenger 0.2000 < champion 0.2500")


def dataset_of(products) -> Dataset:
    ids = np.array([product.pk for product in products], dtype=np.int64)
    return Dataset(
        split=None, items=content_items(ids.tolist()), product_ids=ids, shopper_ids=ids, interactions=0
    )


@pytest.mark.django_db
def test_the_champion_answers_with_the_vectors_that_serve():
    products = small_shop.make_products(5)
    row, model = small_shop.build_model(products)
    history = History.of_items([1, 3])

    champion = Champion(small_shop.version_for_serving(row), dataset_of(products))

    expected = model.recommend([history], 5)
    found = champion.recommend([history], 5)
    assert found.items.tolist() == expected.items.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


@pytest.mark.django_db
def test_the_champion_places_what_came_after_it_and_forgets_what_went():
    products = small_shop.make_products(5)
    row, _ = small_shop.build_model(products, vectors=small_shop.random_vectors(5))
    version = small_shop.version_for_serving(row)
    products[0].delete()
    newcomer = ProductFactory()

    champion = Champion(version, dataset_of([*products[1:], newcomer]))

    answer = champion.recommend([History.of_items([0])], 5)
    assert sorted(answer.items[0].tolist()) == [0, 1, 2, 3, 4]
    placed = small_shop.random_vectors(5)[1:].astype(np.float16).astype(np.float32)
    assert champion._model.vectors[:4].tolist() == placed.tolist()
    assert np.linalg.norm(champion._model.vectors[4]) == pytest.approx(UNMET, abs=1e-2)


@pytest.mark.django_db
def test_a_champion_that_has_learnt_from_what_is_held_out_is_no_rival():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    ModelVersion.objects.update(config={"chosen_until": 1_000})
    none = HeldOut([], [], [])
    split = TimeSplit(None, none, none, validation_from=900, test_from=999)

    champion, reason = load_champion(version, replace(dataset_of(products), split=split))
    later, _ = load_champion(version, replace(dataset_of(products), split=replace(split, test_from=1_000)))

    assert champion is None
    assert reason == f"the champion {version.name} has learnt from what is held out tonight"
    assert later is not None


@pytest.mark.django_db
def test_a_champion_without_its_files_is_no_rival_and_the_run_says_so():
    products = small_shop.make_products(2)
    version = small_shop.publish_model(products)
    (version.artifact / "manifest.json").unlink()

    champion, reason = load_champion(version, dataset_of(products))

    assert champion is None
    assert reason.startswith(f"the champion {version.name} cannot be loaded: ")


def test_before_the_first_model_there_is_no_champion():
    assert load_champion(None, None) == (None, "no model is published yet")


@pytest.mark.django_db
def test_a_champion_that_ranks_by_another_recommender_answers_with_that_one():
    products = small_shop.make_products(4)
    row, _ = small_shop.build_model(products, best=small_shop.following(4))
    newcomer = ProductFactory()

    champion = Champion(small_shop.version_for_serving(row), dataset_of([*products[1:], newcomer]))

    # The first product is gone: item i of tonight is item i + 1 of then.
    answer = champion.recommend([History.of_items([0])], 4)
    known = [item for item in answer.items[0].tolist() if item != 3]
    assert known == [1, 2, 0]
    assert answer.scores[0][answer.items[0] == 1].tolist() == [1.0]
    by_content = champion._model.scores([History.of_items([0])])[0, 3]
    assert answer.scores[0][answer.items[0] == 3] == pytest.approx([by_content])


@pytest.mark.django_db
def test_of_a_history_that_tells_another_recommender_nothing_the_vectors_rank():
    products = small_shop.make_products(4)
    row, _ = small_shop.build_model(products, best=small_shop.following(4))

    champion = Champion(small_shop.version_for_serving(row), dataset_of([*products, ProductFactory()]))

    histories = [History.of_items([4]), History.of_items([0])]
    by_vectors = champion._model.scores(histories)
    scores = champion._scores(histories, None)
    assert scores[0].tolist() == by_vectors[0].tolist()
    assert scores[1].tolist() != by_vectors[1].tolist()


@pytest.mark.django_db
def test_what_is_not_to_be_recommended_takes_no_place_among_the_hundred_that_its_second_stage_orders():
    """Whose first hundred are known to the shopper: then the hundred and first is corrected, for either side."""
    count = PLACES + 20
    products = small_shop.make_products(count)
    vectors = small_shop.random_vectors(count)
    both = small_shop.untrained_model(content_items([product.pk for product in products]), vectors)
    # The later an item, the more popular.
    both.second = second_stage_that_follows(np.arange(1, count + 1, dtype=np.float32))
    row, _ = small_shop.build_model(products, best=both, vectors=vectors)
    history = History.of_items([1])
    known = np.append(both.propose([history], PLACES).items[0], 1)

    champion = Champion(small_shop.version_for_serving(row), dataset_of(products))

    asked = {"histories": [history], "k": 10, "exclude": [known]}
    assert champion.recommend(**asked).items.tolist() == both.recommend(**asked).items.tolist()


@pytest.mark.django_db
def test_a_champion_whose_recommender_is_damaged_is_no_rival():
    products = small_shop.make_products(3)
    row, _ = small_shop.build_model(products, best=small_shop.following(3))
    version = small_shop.version_for_serving(row)
    (version.artifact / "served" / "manifest.json").write_text("{}")

    champion, reason = load_champion(version, dataset_of(products))

    assert champion is None
    assert "not the manifest that was published" in reason
