from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from recs.models import Heartbeat, ModelVersion, Recommendation, TrainingRun
from tests.factories import InteractionFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_the_first_page_says_what_happened_within_a_day(client: Client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    ModelVersion.objects.create(
        name="2026-11-24T02:00Z-3", status="active", recommender="transformer", dimension=2
    )
    Heartbeat.objects.create(queue="realtime", beaten_at=datetime.now(UTC))
    TrainingRun.objects.create(status="refused", reason="not better than the champion")
    served = [Recommendation.objects.create(scenario="home", items=[]) for _ in range(4)]
    InteractionFactory(recommendation=served[0].uuid)
    InteractionFactory(recommendation=served[0].uuid)

    response = client.get(reverse("admin:index"))

    figures = {card.title: card.figure for card in response.context["cards"]}
    assert figures == {
        "Model that serves": "2026-11-24T02:00Z-3",
        "Interactions": "2",
        "Feeds served": "4",
        "Feeds that led on": "25.0%",
    }
    assert "not better than the champion" in response.content.decode()


def test_an_empty_shop_has_a_first_page(client: Client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    assert "none yet" in client.get(reverse("admin:index")).content.decode()


def test_figures_are_for_those_who_may_see_them(client: Client):
    client.force_login(UserFactory(is_staff=True))

    response = client.get(reverse("admin:index"))

    assert response.status_code == 200
    assert "cards" not in response.context
