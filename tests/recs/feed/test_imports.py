"""What the feed's files bring along when they are imported, seen from a fresh process."""

import subprocess
import sys

import pytest
from django.conf import settings


def loaded_with(statement: str, *names: str) -> str:
    """Those of ``names`` that are in memory after the statement."""
    script = f"import sys\n{statement}\nprint(*sorted({set(names)} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@pytest.mark.parametrize(
    "stage", ["candidates", "pipeline", "filters", "scorers", "rerankers", "explain", "contributions"]
)
def test_the_stages_that_decide_know_no_django(stage):
    assert loaded_with(f"import recs.feed.{stage}", "django", "psycopg", "torch") == ""


@pytest.mark.slow
def test_a_web_process_can_serve_a_feed_without_having_imported_torch():
    statement = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings.test'\n"
        "import django; django.setup()\n"
        "import recs.feed.api, recs.feed.views, recs.search"
    )

    assert loaded_with(statement, "torch", "transformers", "sentence_transformers") == ""
