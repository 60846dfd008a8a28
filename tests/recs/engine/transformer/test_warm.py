"""A training that goes on from an earlier one's towers."""

from dataclasses import replace

import numpy as np
import pytest

from recs.engine.checkpoint import Checkpoint
from recs.engine.interactions import HeldOut, History, Items
from recs.engine.recommender import Budget, Progress
from recs.engine.recommenders.transformer import Transformer
from recs.engine.transformer.training_state import TrainingConfig
from recs.engine.transformer.user_tower import UserTowerConfig
from recs.engine.transformer.warm import WarmStart
from tests.contracts.small_recommenders import GROUPS, ITEMS, Killed, grouped, interactions_of

USER = UserTowerConfig(dimension=16, layers=1, heads=2, longest=10, dropout=0.1)
HELD_OUT = HeldOut([History.of_items([0, 3])], [np.array([6])], [np.array([0, 3])])


def trained(
    warm: WarmStart | None = None, *, epochs: int = 3, data=None, items=None, **options
) -> Transformer:
    options = {"user": USER, "members": 1, **options}
    training = TrainingConfig(batch=32, epochs=epochs, learning_rate=5e-3)
    model = Transformer(training=training, warm=warm, **options)
    data = grouped() if data is None else data
    items = items or Items(count=data.item_count)
    model.fit(data, items, budget=Budget(seconds=30), seed=1, validation=HELD_OUT, progress=model_told(model))
    return model


def model_told(model: Transformer):
    model.told = []
    return lambda step: model.told.append(step.figures) if "epoch" in step.figures else None


def of(model: Transformer, rows: np.ndarray | None = None) -> WarmStart:
    rows = np.arange(ITEMS) if rows is None else rows
    return WarmStart(model.item_tower, model.user_tower, rows)


def test_without_an_epoch_that_is_better_the_earlier_model_stays():
    earlier = trained()

    again = trained(of(earlier), epochs=0)

    assert again.started == "warm"
    assert again.epochs == [0]
    (told,) = again.told
    assert (told["epoch"], told["ndcg@10"]) == (0.0, earlier.trainings[0].best_ndcg)
    assert again.vectors == pytest.approx(earlier.vectors, abs=1e-3)
    history = History.of_items([0, 3])
    assert again.encode([history]) == pytest.approx(earlier.encode([history]), abs=1e-3)


def test_a_start_that_takes_all_the_time_leaves_the_earlier_model_and_is_done():
    earlier = trained()
    again = Transformer(training=TrainingConfig(batch=32), user=USER, members=1, warm=of(earlier))
    done: list[float] = []

    again.fit(
        grouped(),
        Items(count=ITEMS),
        budget=Budget(seconds=0.0),
        seed=1,
        validation=HELD_OUT,
        progress=lambda step: done.append(step.done),
    )

    assert done == [1.0]
    assert again.vectors == pytest.approx(earlier.vectors, abs=1e-3)


def test_ids_are_taken_over_by_item_and_a_new_one_starts_among_its_like():
    earlier = trained(epochs=8)
    # Tonight's items stand in another order, and one that the earlier training never met comes last.
    order = np.random.default_rng(3).permutation(ITEMS)
    index = np.argsort(order)
    rows = [index[user % GROUPS :: GROUPS].tolist() for user in range(60)]
    rows = [[*row, ITEMS] if user % GROUPS == 0 else row for user, row in enumerate(rows)]
    tonight = interactions_of(rows, ITEMS + 1)

    model = trained(of(earlier, np.append(order, -1)), epochs=0, data=tonight)

    assert model.vectors[:ITEMS] == pytest.approx(earlier.vectors[order], abs=1e-3)
    nearest = np.argsort(-(model.vectors[:ITEMS] @ model.vectors[ITEMS]))[:5]
    assert set((order[nearest] % GROUPS).tolist()) == {0}


def test_towers_of_other_sizes_start_cold_and_it_says_why():
    earlier = trained()

    wider = trained(of(earlier), epochs=1, user=UserTowerConfig(dimension=8, layers=1, heads=2, longest=10))
    two = trained(of(earlier), epochs=1, members=2)
    strangers = trained(of(earlier, np.full(ITEMS, -1)), epochs=1)

    assert wider.started.startswith("cold: other sizes of the user tower")
    assert two.started == "cold: 1 members then, 2 now"
    assert strangers.started == "cold: none of its items is here"
    assert [step["epoch"] for step in wider.told] == [1.0]


def test_an_attribute_of_a_higher_number_is_no_other_tower():
    def with_attribute(number: int) -> Items:
        item = np.arange(ITEMS)
        return Items(
            count=ITEMS,
            attribute_ids=np.append(item % GROUPS, number),
            attribute_offsets=np.append(item, ITEMS + 1),
        )

    earlier = trained(items=with_attribute(5))

    assert trained(of(earlier), epochs=1, items=with_attribute(9)).started == "warm"
    assert trained(of(earlier), epochs=1, items=with_attribute(3)).started == "warm"


def test_a_category_that_is_new_tonight_starts_among_those_that_are_liked_alike():
    shelf = np.arange(ITEMS) % GROUPS
    first = shelf == 0
    earlier = trained(items=Items(count=ITEMS, category=shelf), epochs=8)
    # Tonight the shelf's items are of a category that came since, and so is a product that nobody has met.
    category = np.append(np.where(first, GROUPS, shelf), GROUPS)

    tonight = replace(grouped(), item_count=ITEMS + 1)
    rows = np.append(np.where(first, -1, np.arange(ITEMS)), -1)
    model = trained(
        of(earlier, rows), epochs=0, data=tonight, items=Items(count=ITEMS + 1, category=category)
    )

    nearest = np.argsort(-(model.vectors[:ITEMS] @ model.vectors[ITEMS]))[: int(first.sum())]
    assert model.started == "warm"
    assert set(nearest.tolist()) == set(np.flatnonzero(first).tolist())
    # By what was learnt of who likes what, not by chance: a history of the shelf finds it.
    liked = np.flatnonzero(first)[:2]
    ranked = model.recommend([History.of_items(liked)], ITEMS + 1, exclude=[liked]).items[0].tolist()
    assert ranked.index(ITEMS) < int(first.sum())


def test_a_start_that_was_killed_in_its_first_epoch_is_judged_once(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "due", lambda own: own.folder is not None)
    warm = of(trained())
    told: list[dict[str, float]] = []

    def fit(progress, seconds=30.0) -> Transformer:
        model = Transformer(
            user=USER, members=1, training=TrainingConfig(batch=32, epochs=2, learning_rate=5e-3), warm=warm
        )
        budget = Budget(seconds, checkpoint=tmp_path)
        model.fit(
            grouped(), Items(count=ITEMS), budget=budget, seed=1, validation=HELD_OUT, progress=progress
        )
        return model

    def kill(step: Progress) -> None:
        told.append(step.figures)
        if sum("interactions" in figures for figures in told) == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(kill)
    told.clear()
    # However little time is left: what was learnt of the epoch is judged.
    model = fit(lambda step: told.append(step.figures), seconds=1e-6)

    assert [figures["epoch"] for figures in told if "epoch" in figures] == [0.0, 1.0]
    assert model.trainings[0].epoch == 1


def test_without_an_earlier_model_the_start_is_cold():
    assert trained(epochs=1).started == "cold"
