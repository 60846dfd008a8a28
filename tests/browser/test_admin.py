"""The back office in a real Chromium."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from recs.models import TrainingRun
from tests.factories import UserFactory


@pytest.mark.parametrize("width", [1280, 390])
def test_figures_wider_than_their_place_do_not_widen_the_page(
    transactional_db, page: Page, live_url: str, client: Client, width: int
):
    columns = [f"a long name of metric {number}" for number in range(12)]
    run = TrainingRun.objects.create(
        figures={"quality": {"matrix_factorization": dict.fromkeys(columns, 0.1)}}
    )
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_url}])
    page.set_viewport_size({"width": width, "height": 844})

    page.goto(reverse("admin:recs_trainingrun_change", args=[run.pk]))

    expect(page.get_by_role("cell", name="0.1000").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
