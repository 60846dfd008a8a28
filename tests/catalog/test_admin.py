from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import Product
from recs.models import Interaction, ModelVersion
from tests.factories import CategoryFactory, InteractionFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db

NO_IMAGES = {"images-TOTAL_FORMS": "0", "images-INITIAL_FORMS": "0"}


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_a_product_made_in_the_admin_is_new_now(staff, django_capture_on_commit_callbacks):
    form = staff.get(reverse("admin:catalog_product_add")).context["adminform"].form
    created_at = form.initial["created_at"]
    category = CategoryFactory()

    with django_capture_on_commit_callbacks():
        response = staff.post(
            reverse("admin:catalog_product_add"),
            {
                "code": "N1",
                "name": "Lunch bag lighthouse",
                "description": "",
                "category": category.pk,
                "attributes": "",
                "price": "1.65",
                "currency": "GBP",
                "stock": "12",
                "visible": "on",
                "created_at_0": f"{created_at:%Y-%m-%d}",
                "created_at_1": f"{created_at:%H:%M:%S}",
                **NO_IMAGES,
            },
        )

    assert response.status_code == 302, response.context["adminform"].form.errors
    product = Product.objects.get(code="N1")
    assert product.slug == "lunch-bag-lighthouse"
    assert product.attributes == {}
    assert timezone.now() - product.created_at < timedelta(minutes=1)


def test_attributes_that_are_no_object_are_refused(staff):
    product = ProductFactory()

    response = staff.post(
        reverse("admin:catalog_product_change", args=[product.pk]), {"attributes": "[1]", **NO_IMAGES}
    )

    assert "Enter an object" in response.context["adminform"].form.errors["attributes"][0]


def test_products_are_found_by_code_and_by_name(staff):
    ProductFactory(code="22386", name="Jumbo bag pink polkadot")
    ProductFactory(code="85123", name="White hanging heart")

    by_code = staff.get(reverse("admin:catalog_product_changelist"), {"q": "22386"})
    by_name = staff.get(reverse("admin:catalog_product_changelist"), {"q": "hanging"})

    assert [product.code for product in by_code.context["cl"].result_list] == ["22386"]
    assert [product.code for product in by_name.context["cl"].result_list] == ["85123"]


def test_stock_and_visibility_are_changed_in_the_list(staff):
    product = ProductFactory(stock=1)

    staff.post(
        reverse("admin:catalog_product_changelist"),
        {
            "form-TOTAL_FORMS": "1",
            "form-INITIAL_FORMS": "1",
            "form-0-id": str(product.pk),
            "form-0-stock": "7",
            "_save": "Save",
        },
    )

    product.refresh_from_db()
    assert (product.stock, product.visible) == (7, False)


def test_a_product_is_deleted_with_its_interactions_and_vectors(staff):
    product = InteractionFactory().product
    version = ModelVersion.objects.create(name="v", recommender="transformer", dimension=2, artifact="v")
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE vectors_{version.pk} PARTITION OF recs_productvector FOR VALUES IN ({version.pk})"
        )
        cursor.execute("INSERT INTO recs_productvector VALUES (%s, %s, '[1,0]')", [version.pk, product.pk])
    address = reverse("admin:catalog_product_delete", args=[product.pk])

    asked = staff.get(address)
    staff.post(address, {"post": "yes"})

    assert "interactions with them" in asked.content.decode()
    assert not Product.objects.filter(pk=product.pk).exists()
    assert not Interaction.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM recs_productvector")
        assert cursor.fetchone() == (0,)


def test_sold_out_products_are_listed_apart(staff):
    ProductFactory(code="full", stock=3)
    ProductFactory(code="empty", stock=0)

    found = staff.get(reverse("admin:catalog_product_changelist"), {"availability": "sold_out"})

    assert [product.code for product in found.context["cl"].result_list] == ["empty"]


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_every_list_of_the_admin_opens(staff, model):
    InteractionFactory()

    response = staff.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))

    assert response.status_code == 200


def test_the_admin_signs_in_by_its_form(client):
    user = UserFactory(username="keeper", is_staff=True)

    response = client.post(
        reverse("admin:login"),
        {"username": "keeper", "password": "correct horse battery", "next": reverse("admin:index")},
    )

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
