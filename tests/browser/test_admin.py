"""The back office in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from recs.models import ModelVersion, TrainingRun
from tests.factories import UserFactory

FIGURES = {"matrix_factorization": {f"a long name of metric {number}": 0.1 for number in range(12)}}


def training_run() -> str:
    run = TrainingRun.objects.create(figures={"quality": FIGURES})
    return reverse("admin:recs_trainingrun_change", args=[run.pk])


def model_version() -> str:
    version = ModelVersion.objects.create(
        name="2026-11-24T02:00Z-3",
        recommender="hybrid",
        dimension=128,
        artifact="2026-11-24T02:00Z-3",
        manifest_sha256="a" * 64,
        served_sha256="b" * 64,
        metrics=FIGURES,
        config=FIGURES,
    )
    return reverse("admin:recs_modelversion_change", args=[version.pk])


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("made", [training_run, model_version])
def test_figures_wider_than_their_place_do_not_widen_the_page(
    transactional_db, page: Page, live_url: str, client: Client, width: int, made: Callable[[], str]
):
    address = made()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_url}])
    page.set_viewport_size({"width": width, "height": 844})

    page.goto(address)

    expect(page.get_by_role("cell", name="0.1000").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
