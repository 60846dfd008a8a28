"""Rows for tests: ``ProductFactory(code="22386")``. Every factory's defaults make a valid, ordinary row."""

from datetime import UTC, datetime
from decimal import Decimal

import factory

from accounts.models import Shopper, User
from catalog.models import Category, Product
from recs.engine.interactions import Kind
from recs.models import Interaction

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):
    """Signs in with ``PASSWORD``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda number: f"person{number}@example.com")
    username = factory.SelfAttribute("email")
    password = factory.django.Password(PASSWORD)


class ShopperFactory(factory.django.DjangoModelFactory):
    """Anonymous; ``ShopperFactory(user=UserFactory())`` for a person with an account."""

    class Meta:
        model = Shopper


class CategoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Category

    name = factory.Sequence(lambda number: f"Category {number}")
    slug = factory.Sequence(lambda number: f"category-{number}")
    position = factory.Sequence(lambda number: number)


class ProductFactory(factory.django.DjangoModelFactory):
    """Purchasable."""

    class Meta:
        model = Product

    code = factory.Sequence(lambda number: f"P{number:05d}")
    name = factory.Sequence(lambda number: f"Product {number}")
    category = factory.SubFactory(CategoryFactory)
    price = Decimal("1.95")
    stock = 10
    created_at = datetime(2026, 11, 1, 12, tzinfo=UTC)


class InteractionFactory(factory.django.DjangoModelFactory):
    """A view, numbered next for its shopper, whose ``last_seq`` follows."""

    class Meta:
        model = Interaction

    shopper = factory.SubFactory(ShopperFactory)
    product = factory.SubFactory(ProductFactory)
    kind = int(Kind.VIEW)
    seq = factory.LazyAttribute(lambda interaction: interaction.shopper.last_seq + 1)
    occurred_at = factory.LazyFunction(lambda: datetime.now(UTC))

    @classmethod
    def _create(cls, model_class: type[Interaction], *args: object, **kwargs: object) -> Interaction:
        interaction: Interaction = super()._create(model_class, *args, **kwargs)
        shopper = interaction.shopper
        shopper.last_seq = max(shopper.last_seq, interaction.seq)
        shopper.save(update_fields=["last_seq"])
        return interaction
