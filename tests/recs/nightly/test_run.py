"""The nightly path end to end, on a shop in which shoppers keep to one shelf each."""

from pathlib import Path

import numpy as np
import pytest

from recs import registry
from recs.engine.interactions import Kind
from recs.models import Interaction, ModelVersion, ProductVector, ShopperVector, TrainingRun
from recs.nightly import evaluate, publish, train
from recs.nightly.lease import AlreadyRunning, Lease
from recs.nightly.run import run_nightly
from recs.shopper_vectors import dirty_shoppers
from tests.factories import InteractionFactory, ProductFactory, ShopperFactory
from tests.recs import small_shop

pytestmark = pytest.mark.django_db

MINUTES = 0.05
"""Three seconds of training: shelves are learnt in less."""


@pytest.fixture(autouse=True)
def own_folders(artifacts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(train, "checkpoint_folder", lambda: tmp_path / "training")


@pytest.fixture
def shop() -> None:
    small_shop.make_histories(small_shop.make_shelves(6, 12), shoppers=90, length=9)


def test_a_first_model_that_beats_popularity_is_published_and_serves(shop):
    run = run_nightly(minutes=MINUTES)

    assert run.status == "published", run.reason
    assert run.reason.startswith("better, challenger ")
    assert run.version.status == "active"
    version = registry.active_version()
    assert version.id == run.version.pk
    assert ProductVector.objects.filter(version_id=version.id).count() == 72
    assert ShopperVector.objects.filter(version_id=version.id).count() == 90
    assert dirty_shoppers(version=version, limit=10) == []
