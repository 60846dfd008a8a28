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
CURVES = {
    name: [
        {"stage": "training", "epoch": epoch, "seconds": 12.0 * epoch, "ndcg@10": top * (1 - 0.6**epoch)}
        for epoch in (1.0, 2.0, 3.0, 4.0)
    ]
    for name, top in (("transformer", 0.05), ("neural_cf", 0.03))
}


def training_run() -> str:
    run = TrainingRun.objects.create(figures={"quality": FIGURES, "curves": CURVES})
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


@pytest.fixture
def opened(transactional_db, page: Page, live_url: str, client: Client) -> Callable[[str, int], Page]:
    """The page at an address, as an administrator sees it in a window of a width."""
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value

    def at(address: str, width: int) -> Page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_url}])
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(address)
        return page

    return at


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("made", [training_run, model_version])
def test_figures_wider_than_their_place_do_not_widen_the_page(
    opened: Callable[[str, int], Page], width: int, made: Callable[[], str]
):
    page = opened(made(), width)

    expect(page.get_by_role("cell", name="0.1000").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 390])
def test_learning_curves_are_drawn_within_the_page(opened: Callable[[str, int], Page], width: int):
    page = opened(training_run(), width)

    drawing = page.get_by_role("img", name="Learning curves")
    expect(drawing).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    stroke = page.evaluate("getComputedStyle(document.querySelector('.curve polyline')).stroke")
    assert stroke not in ("none", "rgb(0, 0, 0)")
