"""Who shops, and what is theirs."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.urls import reverse

from catalog.models import Product


class User(AbstractUser):
    """A person who can sign in, by e-mail address."""

    email = models.EmailField(unique=True)


class Shopper(models.Model):
    """Whoever shops: a person signed in, an anonymous browser, or a customer imported with a history.

    ``last_seq`` numbers the shopper's interactions: it grows in the transaction that stores one, and in
    every one that takes one away, so that whoever holds a vector knows whether it is behind.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="shopper")
    code = models.CharField(
        max_length=64,
        unique=True,
        null=True,
        blank=True,
        help_text="The shop's own customer number, if imported.",
    )
    token_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)
    last_seq = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-last_seen_at"], name="shopper_last_seen")]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        if self.user:
            return self.user.get_full_name() or self.user.email
        return f"Customer {self.code}" if self.code else f"Anonymous {str(self.uuid)[:8]}"


class Consent(models.Model):
    """What a shopper agreed to. No row means the default of that purpose."""

    class Purpose(models.TextChoices):
        PERSONALISATION = "personalisation", "Personalised feeds"

    shopper = models.ForeignKey(Shopper, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=32, choices=Purpose)
    granted = models.BooleanField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shopper", "purpose"], name="consent_once_per_purpose")
        ]

    def __str__(self) -> str:
        return f"{self.purpose}: {'granted' if self.granted else 'refused'}"


class Cart(models.Model):
    shopper = models.OneToOneField(Shopper, models.CASCADE, related_name="cart")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Cart of {self.shopper}"


class CartLine(models.Model):
    cart = models.ForeignKey(Cart, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField(default=1)
    recommendation = models.UUIDField(null=True, blank=True, help_text="The served feed that it came from.")

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["cart", "product"], name="cart_line_once_per_product")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity


class Order(models.Model):
    class Status(models.TextChoices):
        PLACED = "placed", "Placed"
        SHIPPED = "shipped", "Shipped"
        CANCELLED = "cancelled", "Cancelled"

    number = models.CharField(max_length=20, unique=True, editable=False)
    shopper = models.ForeignKey(Shopper, models.SET_NULL, null=True, related_name="orders")
    status = models.CharField(max_length=12, choices=Status, default=Status.PLACED)
    name = models.CharField(max_length=120)
    email = models.EmailField()
    address = models.TextField(max_length=500)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, default=settings.SHOP_CURRENCY)
    placed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-placed_at",)

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("accounts:order", args=[self.number])


class OrderLine(models.Model):
    """A copy of what was bought: it stays as it was when the product changes or goes."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.SET_NULL, null=True, related_name="+")
    code = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity
