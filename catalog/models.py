"""What is for sale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.text import slugify

if TYPE_CHECKING:
    from collections.abc import Iterable


class Category(models.Model):
    """A shelf of the shop. ``description`` is also what the text encoder compares products with.

    ``image`` stands for it on the home page; without one it is the picture of a product.
    """

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    image = models.ImageField(upload_to="categories/", blank=True)

    class Meta:
        ordering = ("position", "name")
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:category", args=[self.slug])


class ProductQuerySet(models.QuerySet["Product"]):
    def purchasable(self) -> ProductQuerySet:
        """Products that a shopper can put into the cart now."""
        return self.filter(visible=True, stock__gt=0)

    def with_codes(self, codes: Iterable[str]) -> ProductQuerySet:
        return self.filter(code__in=list(codes))


class Product(models.Model):
    """One thing for sale; ``code`` is the shop's own id and the only one that leaves the shop."""

    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, editable=False)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True, related_name="products")
    attributes = models.JSONField(default=dict, blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default=settings.SHOP_CURRENCY)
    stock = models.PositiveIntegerField(default=0)
    visible = models.BooleanField(default=True)
    image = models.ImageField(upload_to="products/", blank=True)
    created_at = models.DateTimeField(db_index=True)
    updated_at = models.DateTimeField(auto_now=True)
    document = models.GeneratedField(
        expression=SearchVector("name", weight="A", config="english")
        + SearchVector("description", weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
        editable=False,
    )

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        indexes = [
            GinIndex(fields=["document"], name="product_document"),
            models.Index(fields=["category", "name"], name="product_category_name"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="product_price_not_negative")
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.slug = product_slug(self.name)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def get_absolute_url(self) -> str:
        return reverse("catalog:product", args=[self.code, self.slug])

    @property
    def available(self) -> bool:
        return self.visible and self.stock > 0


class ProductImage(models.Model):
    """A further picture of a product, beside its main ``image``."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="images")
    image = models.ImageField(upload_to="products/")
    alt = models.CharField(max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.alt or f"{self.product} {self.position}"


def product_slug(name: str) -> str:
    """Never empty, so that every product has an address."""
    return slugify(name)[:200] or "product"
