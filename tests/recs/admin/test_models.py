from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recs.models import ModelVersion, SecondStageWeight, TrainingRun
from tests.factories import UserFactory
from tests.recs import small_shop

pytestmark = pytest.mark.django_db

CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def make_version(artifacts):
    products = small_shop.make_products(2)

    def make(name: str, status: str, **fields: object) -> ModelVersion:
        version, _ = small_shop.build_model(products)
        ModelVersion.objects.filter(pk=version.pk).update(name=name, status=status, **fields)
        version.refresh_from_db()
        return version

    return make


def action(version: ModelVersion) -> str:
    return reverse("admin:recs_modelversion_activate", args=[version.pk])


def test_activating_a_version_is_confirmed_first(staff, make_version):
    version = make_version("v2", "ready")

    asked = staff.get(action(version))

    version.refresh_from_db()
    assert "Activate this version?" in asked.content.decode()
    assert version.status == "ready"


def test_a_confirmed_version_becomes_active_and_the_one_before_stays_ready(staff, make_version):
    before = make_version("v1", "active")
    version = make_version("v2", "ready")

    answer = staff.post(action(version), CONFIRMED)

    before.refresh_from_db()
    version.refresh_from_db()
    assert answer.headers["HX-Redirect"] == reverse("admin:recs_modelversion_changelist")
    assert (before.status, version.status) == ("ready", "active")
    assert "v2 is active now." in staff.get(answer.headers["HX-Redirect"]).content.decode()


def test_a_retired_version_is_refused_with_the_reason(staff, make_version):
    version = make_version("v1", "retired")

    answer = staff.post(action(version), CONFIRMED)

    version.refresh_from_db()
    assert version.status == "retired"
    assert "version v1 is retired" in staff.get(answer.headers["HX-Redirect"]).content.decode()


def test_rolling_back_activates_the_version_before(staff, make_version):
    before = make_version("v1", "ready", activated_at=datetime(2026, 11, 23, tzinfo=UTC))
    make_version("v2", "active", activated_at=datetime(2026, 11, 24, tzinfo=UTC))

    staff.post(reverse("admin:recs_modelversion_roll_back"), CONFIRMED)

    before.refresh_from_db()
    assert before.status == "active"


def test_with_nothing_to_go_back_to_rolling_back_says_so(staff):
    answer = staff.post(reverse("admin:recs_modelversion_roll_back"), CONFIRMED)

    assert "nothing to go back to" in staff.get(answer.headers["HX-Redirect"]).content.decode()


def test_looking_at_versions_is_not_activating_them(client, make_version):
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    client.force_login(user)
    version = make_version("v2", "ready")

    answer = client.post(action(version), CONFIRMED)

    version.refresh_from_db()
    assert answer.status_code == 403
    assert version.status == "ready"


def test_a_version_shows_its_metrics_as_a_table(staff, make_version):
    version = make_version("v2", "active", metrics={"transformer": {"ndcg@10": 0.0512}})

    page = staff.get(reverse("admin:recs_modelversion_change", args=[version.pk])).content.decode()

    assert "<th>transformer</th><td>0.0512</td>" in page


def test_a_run_shows_why_it_was_refused(staff):
    run = TrainingRun.objects.create(
        status="refused", reason="the challenger is not better", figures={"champion": {"ndcg@10": 0.06}}
    )

    page = staff.get(reverse("admin:recs_trainingrun_change", args=[run.pk])).content.decode()

    assert "the challenger is not better" in page
    assert "<th>champion</th><td>0.0600</td>" in page


WEIGHTS_PAGE = "admin:recs_secondstageweight_changelist"


def saved(weights: dict[str, str]) -> dict[str, str]:
    """The form of the list, as a browser sends it."""
    heads = list(SecondStageWeight.objects.order_by("-weight", "head").values_list("head", flat=True))
    form = {"form-TOTAL_FORMS": str(len(heads)), "form-INITIAL_FORMS": str(len(heads)), "_save": "Save"}
    for number, head in enumerate(heads):
        form |= {f"form-{number}-head": head, f"form-{number}-weight": weights.get(head, "1")}
    return form


@pytest.mark.usefixtures("ranking_weights")
def test_the_owner_edits_what_answers_are_worth(staff):
    page = staff.get(reverse(WEIGHTS_PAGE)).content.decode()
    assert "a product put into the basket" in page
    assert "Only their proportions count" in page

    staff.post(reverse(WEIGHTS_PAGE), saved({"cart": "2.5", "hide": "-3"}))

    assert SecondStageWeight.objects.get(head="cart").weight == 2.5
    assert SecondStageWeight.objects.get(head="hide").weight == -3.0


@pytest.mark.usefixtures("ranking_weights")
@pytest.mark.parametrize("weight", ["", "much", "nan", "11", "-1e9"])
def test_a_weight_that_is_none_is_refused_and_nothing_is_changed(staff, weight: str):
    before = list(SecondStageWeight.objects.order_by("head").values_list("weight", flat=True))

    answer = staff.post(reverse(WEIGHTS_PAGE), saved({"cart": weight, "view": "0.5"}))

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "Please correct" in answer.content.decode()
    assert list(SecondStageWeight.objects.order_by("head").values_list("weight", flat=True)) == before


@pytest.mark.usefixtures("ranking_weights")
def test_who_may_only_look_changes_no_weight(client: Client):
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_secondstageweight"))
    client.force_login(looker)

    assert "a purchase" in client.get(reverse(WEIGHTS_PAGE)).content.decode()
    client.post(reverse(WEIGHTS_PAGE), saved({"cart": "2.5"}))

    assert SecondStageWeight.objects.get(head="cart").weight == 0.7
