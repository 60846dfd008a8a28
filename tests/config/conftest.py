"""What the tests of services and demo share."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from config import services


@pytest.fixture
def state_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A fresh folder under the test run's own, removed afterwards with its servers stopped.

    Not under tmp_path: pytest closes that one's parent to other accounts, and as root Postgres has its own.
    """
    name = re.sub(r"\W", "_", request.node.name)[-40:]
    folder = settings.VAR_DIR / "folders" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    for var in (folder, folder / "var"):
        if (var / "services.lock").exists():
            services.stop(var, force=True)
    shutil.rmtree(folder)
