"""``manage.py retrain`` and ``manage.py rollback``: what they say."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recs.models import TrainingRun
from recs.nightly import run as nightly
from recs.nightly.lease import Lease
from tests.recs import small_shop
from tests.recs.small_shop import MINUTES

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_the_command_shows_a_table_seconds_and_the_decision(shelves, capsys):
    call_command("retrain", "--minutes", str(MINUTES))

    shown = capsys.readouterr().out
    for words in ("challenger (", "popularity", "item_knn", "ndcg@10", "seconds: ", "published"):
        assert words in shown


def test_the_command_does_nothing_if_none_is_asked_for_and_one_is_there():
    version = small_shop.publish_model(small_shop.make_products(2))
    said = StringIO()

    call_command("retrain", "--if-none", stdout=said)

    assert said.getvalue() == f"model version {version.name} is active: nothing to do\n"
    assert TrainingRun.objects.count() == 0


def test_the_command_beside_another_run_says_so():
    with Lease.taken(), pytest.raises(CommandError, match="another nightly run is under way"):
        call_command("retrain")


@pytest.mark.parametrize("minutes", ["0", "-1", "1441", "nan"])
def test_the_command_refuses_minutes_that_make_no_sense(minutes):
    with pytest.raises(CommandError, match="must lie above 0"):
        call_command("retrain", "--minutes", minutes)


def test_stopping_by_hand_ends_in_one_line(shelves, monkeypatch):
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nightly, "load_dataset", interrupted)

    with pytest.raises(CommandError, match="interrupted; the next run goes on"):
        call_command("retrain")

    assert TrainingRun.objects.get().status == "interrupted"


def test_the_rollback_command_says_what_is_active():
    products = small_shop.make_products(2)
    first = small_shop.publish_model(products)
    small_shop.publish_model(products)
    said = StringIO()

    call_command("rollback", stdout=said)

    assert said.getvalue() == f"active: {first.name}\n"


def test_the_rollback_command_without_an_earlier_version_says_so():
    with pytest.raises(CommandError, match="nothing to go back to"):
        call_command("rollback")
