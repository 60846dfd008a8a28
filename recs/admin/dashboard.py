"""The first page of the admin: which model serves, what happened within a day, who works."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from recs.engine.interactions import POSITIVE_KINDS
from recs.models import Heartbeat, Interaction, ModelVersion, Recommendation, TrainingRun

DAY = timedelta(hours=24)
RUNS_SHOWN = 5


@dataclass(frozen=True)
class Card:
    """One figure, what it is, and the list behind it."""

    title: str
    figure: str
    note: str
    address: str


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What templates/admin/index.html shows above the list of applications, to those who may see it."""
    user = request.user
    if user.has_perms(["recs.view_modelversion", "recs.view_interaction", "recs.view_recommendation"]):
        context["cards"] = _cards()
        context["heartbeats"] = Heartbeat.objects.order_by("queue")
        context["runs"] = TrainingRun.objects.select_related("version")[:RUNS_SHOWN]
    return context


def _cards() -> list[Card]:
    since = timezone.now() - DAY
    active = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first()
    interactions = Interaction.objects.filter(occurred_at__gte=since)
    feeds = Recommendation.objects.filter(served_at__gte=since).count()
    led_on = interactions.filter(recommendation__isnull=False, kind__in=POSITIVE_KINDS)
    followed = led_on.values("recommendation").distinct().count()
    versions = reverse("admin:recs_modelversion_changelist")
    return [
        Card(
            "Model that serves",
            active.name if active else "none yet",
            f"{active.recommender}, since {active.activated_at:%-d %b %H:%M}"
            if active and active.activated_at
            else "feeds show what is trending and new",
            versions,
        ),
        Card(
            "Interactions",
            f"{interactions.count():,}",
            "within 24 hours",
            reverse("admin:recs_interaction_changelist"),
        ),
        Card(
            "Feeds served",
            f"{feeds:,}",
            "within 24 hours",
            reverse("admin:recs_recommendation_changelist"),
        ),
        Card(
            "Feeds that led on",
            f"{followed / feeds:.1%}" if feeds else "–",
            f"{followed:,} feeds of which something was looked at or wanted",
            reverse("admin:recs_interaction_changelist"),
        ),
    ]
