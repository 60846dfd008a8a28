"""Models that these tests publish go into a folder of the test's own."""

from pathlib import Path

import pytest


@pytest.fixture
def artifacts(settings, tmp_path: Path) -> Path:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    return settings.ARTIFACT_DIR
