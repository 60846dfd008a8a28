"""The shop's own history: replayed and with parts of its content, in this process."""

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest

from accounts.models import Shopper
from recs.engine.interactions import Items, Kind
from recs.evaluation import shop
from recs.evaluation.modalities import MODALITIES, items_with, modality_json
from recs.evaluation.replaying import headline, replay_json, worth
from recs.history import export_interactions
from recs.models import Interaction
from recs.nightly.dataset import NotEnoughHistory
from tests.factories import ProductFactory
from tests.recs import small_shop


def silent(step: object) -> None:
    """Nobody watches."""


@pytest.mark.django_db
@pytest.mark.slow
def test_the_newest_tenth_of_the_time_is_replayed_by_what_came_before():
    small_shop.make_histories(small_shop.make_shelves(2, 12), shoppers=30, length=8)

    (job,) = shop.replay_jobs(["item_knn"], start=None, seconds=10, seed=0)
    outcome = job.run(silent)

    assert job.lesson.training.time.max() < job.start
    assert job.start % 86_400 == 0
    # Chosen as at night, on what lies between training and replay, every event of it and with all that came before.
    between = (job.interactions.time > job.lesson.training.time.max()) & (job.interactions.time < job.start)
    assert len(job.lesson.validation) == between.sum()
    assert list(outcome.orders) == ["shuffled"]
    events = outcome.orders["shuffled"]["all"].events
    assert events == (job.interactions.time >= job.start).sum()
    parts = outcome.orders["shuffled"]
    assert sum(parts[name].events for name in parts if name != "all") == events
    # Twelve products a shelf, seven of them had: of two shelves' leavings ten hold all of one's own.
    assert parts["all"].following[0] == 1.0
    assert headline(outcome).startswith("item_knn, shuffled: HR@10 1.0000 following, ")
    written = replay_json(outcome)["orders"]["shuffled"]["all"]
    assert written["following"]["hr@10"] == 1.0


@pytest.mark.django_db
@pytest.mark.slow
def test_the_split_may_be_at_a_day_of_choice():
    small_shop.make_histories(small_shop.make_shelves(2, 12), shoppers=30, length=8)
    start = datetime(2026, 11, 1, tzinfo=UTC)

    (job,) = shop.replay_jobs(["popularity"], start=start, seconds=10, seed=0)

    assert shop.moment_of(job) == "2026-11-01T00:00:00+00:00"
    assert job.lesson.training.time.max() < start.timestamp()


@pytest.mark.django_db
@pytest.mark.parametrize("jobs", [shop.replay_jobs, partial(shop.modality_jobs, share=0.1)])
def test_where_nothing_lies_before_the_split_nothing_is_learnt_from_what_is_asked_for(jobs):
    small_shop.make_histories(small_shop.make_shelves(2, 12), shoppers=5, length=8)
    first = export_interactions().interactions.time.min()
    day = datetime.fromtimestamp(first, tz=UTC).replace(hour=0, minute=0, second=0)

    with pytest.raises(
        NotEnoughHistory, match=f"nothing to learn from before {day:%Y-%m-%d}: the history goes"
    ):
        jobs(["popularity"], start=day, seconds=10, seed=0)


@pytest.mark.django_db
@pytest.mark.parametrize("jobs", [shop.replay_jobs, partial(shop.modality_jobs, share=0.1)])
def test_where_nothing_lies_behind_the_split_nothing_is_trained(jobs):
    small_shop.make_histories(small_shop.make_shelves(2, 12), shoppers=30, length=8)

    with pytest.raises(NotEnoughHistory, match=r"nothing to ask for from 2090-01-01 on: the history goes"):
        jobs(["popularity"], start=datetime(2090, 1, 1, tzinfo=UTC), seconds=10, seed=0)


@pytest.mark.django_db
def test_a_cold_product_teaches_nothing_whatever_content_is_shown():
    small_shop.make_histories(small_shop.make_shelves(3, 10), shoppers=60, length=8)

    jobs = shop.modality_jobs(["popularity"], start=None, share=0.2, seconds=10, seed=0)
    outcomes = [job.run(silent) for job in jobs]

    assert [one.modality for one in outcomes] == list(MODALITIES)
    assert len(jobs[0].cold) == 6
    parts = outcomes[0].parts
    assert parts["cold"].rows + parts["warm"].rows == len(jobs[0].test)
    assert parts["cold"].rows > 0
    assert parts["cold"].hr_10 == 0.0
    assert modality_json(outcomes[0])["targets"]["warm"]["hr@10"] > 0


def test_a_modality_shows_its_parts_and_no_other():
    items = Items(
        count=2,
        text=np.ones((2, 3), dtype=np.float32),
        image=np.ones((2, 3), dtype=np.float32),
        category=np.zeros(2, dtype=np.int64),
        price=np.ones(2, dtype=np.float32),
        attribute_ids=np.array([0, 1]),
        attribute_offsets=np.array([0, 1, 2]),
    )

    def shown(name: str) -> set[str]:
        seen = items_with(items, MODALITIES[name])
        there = {part for part in ("text", "image", "category", "price") if getattr(seen, part) is not None}
        return there | ({"attributes"} if len(seen.attribute_ids) else set())

    assert shown("ids") == set()
    assert shown("ids + text") == {"text"}
    assert shown("ids + picture") == {"image"}
    assert shown("ids + attributes") == {"category", "price", "attributes"}
    assert shown("all") == {"text", "image", "category", "price", "attributes"}


@pytest.mark.django_db
def test_the_order_of_the_file_is_found_again_for_the_shop_of_the_demo(monkeypatch):
    class Lines:
        """Rows 5, 6 and 7 of a file: one invoice, in the order of the till."""

        row = np.array([5, 6, 7])
        customer = np.array([12, 12, 12])
        code = np.array(["C", "A", "B"])
        time = np.array(["2026-11-24T12:00:00"] * 3, dtype="datetime64[s]")

    class Cleaned:
        lines = Lines

    monkeypatch.setattr(shop, "read_lines", lambda: None)
    monkeypatch.setattr(shop, "clean", lambda raw: Cleaned)
    bought = {code: ProductFactory(code=code) for code in ("A", "B", "C")}
    customer, other = Shopper.objects.create(code="12"), Shopper.objects.create()
    for seq, (shopper, code) in enumerate([(customer, "A"), (customer, "B"), (customer, "C"), (other, "A")]):
        Interaction.objects.create(
            shopper=shopper,
            product=bought[code],
            kind=int(Kind.PURCHASE),
            seq=seq + 1,
            occurred_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
        )
    export = export_interactions()

    place = shop.file_order(export)

    found = {
        (int(export.shopper_ids[user]), int(export.product_ids[item])): row
        for user, item, row in zip(export.interactions.user, export.interactions.item, place, strict=True)
    }
    assert found == {
        (customer.pk, bought["C"].pk): 5.0,
        (customer.pk, bought["A"].pk): 6.0,
        (customer.pk, bought["B"].pk): 7.0,
        (other.pk, bought["A"].pk): np.inf,
    }


def test_what_following_is_worth_is_a_ratio_of_the_same_events():
    following, frozen = np.array([1, 1, 0, 1.0]), np.array([1, 0, 0, 0.0])

    found = worth(following, frozen, np.zeros(4), np.array([0, 0, 1, 1]), seed=0)

    assert (found.events, found.shoppers) == (4, 2)
    assert found.times() == 3.0
    assert found.difference.difference == 0.5
    assert found.popularity[0] == 0.0
