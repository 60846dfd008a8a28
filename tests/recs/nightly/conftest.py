"""Runs of these tests keep their checkpoints, as their models, in a folder of the test's own."""

from pathlib import Path

import pytest

from config.services import Services


@pytest.fixture(autouse=True)
def own_folders(running_services: Services, artifacts: Path, settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
