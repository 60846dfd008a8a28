"""What tests of the recommendations share."""

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps


@pytest.fixture
def artifacts(settings, tmp_path: Path) -> Path:
    """Models that a test publishes go into a folder of its own."""
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    return settings.ARTIFACT_DIR


@pytest.fixture
def ranking_weights(db) -> None:
    """The rows that a migration wrote: a test that empties the database takes them away from those after it."""
    apps.get_model("recs", "SecondStageWeight").objects.all().delete()
    import_module("recs.migrations.0005_second_stage_weights").write_rows(apps, None)
