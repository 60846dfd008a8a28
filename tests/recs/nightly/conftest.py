"""Runs of these tests keep their checkpoints, as their models, in a folder of the test's own."""

from pathlib import Path

import pytest

from config.services import Services
from tests.recs import small_shop


@pytest.fixture(autouse=True)
def own_folders(running_services: Services, artifacts: Path, settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def shelves() -> list[list]:
    """A shop in which shoppers keep to one shelf each."""
    shelves = small_shop.make_shelves(6, 12)
    small_shop.make_histories(shelves, shoppers=90, length=9)
    return shelves
