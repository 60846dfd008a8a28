"""What the recommendations are made of: interactions, model versions, vectors, served feeds."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from pgvector.django import HalfVectorField

from accounts.models import Shopper
from catalog.models import Product
from recs.engine.interactions import Kind


class Interaction(models.Model):
    """One thing that a shopper did. ``uuid`` is made by the client: the same one sent again is stored once."""

    KINDS = [(int(kind), kind.name.lower()) for kind in Kind]

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    shopper = models.ForeignKey(Shopper, models.CASCADE, related_name="interactions")
    seq = models.BigIntegerField(
        help_text="Position among the shopper's interactions, in the order of storing."
    )
    kind = models.SmallIntegerField(choices=KINDS)
    product = models.ForeignKey(Product, models.CASCADE, null=True, blank=True, related_name="interactions")
    value = models.FloatField(null=True, blank=True, help_text="Stars of a rating, quantity of a purchase.")
    query = models.CharField(max_length=200, blank=True, help_text="What was searched for.")
    recommendation = models.UUIDField(null=True, blank=True, help_text="The served feed that it came from.")
    occurred_at = models.DateTimeField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shopper", "uuid"], name="interaction_once_per_uuid"),
            models.CheckConstraint(
                condition=models.Q(product__isnull=False) | models.Q(kind=int(Kind.SEARCH)),
                name="interaction_has_product_or_query",
            ),
        ]
        indexes = [
            # The newest interactions of one shopper: history, vectors, "my data".
            models.Index(fields=["shopper", "-occurred_at", "-seq"], name="interaction_history"),
            # What a shopper bought or hid: the feed's filters.
            models.Index(fields=["shopper", "kind", "product"], name="interaction_shopper_kind"),
            models.Index(fields=["occurred_at"], name="interaction_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.product or self.query}"


class ProductContent(models.Model):
    """Text and picture vectors of a product, kept until what they were computed from changes.

    A hash covers the encoder's name and its input. The vectors are unit length; their dimension is the
    encoder's (384 and 1,280 by default), so the columns fix none.
    """

    product = models.OneToOneField(Product, models.CASCADE, primary_key=True, related_name="content")
    text_hash = models.CharField(max_length=64, blank=True)
    text = HalfVectorField(null=True)
    image_hash = models.CharField(max_length=64, blank=True)
    image = HalfVectorField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"content of {self.product_id}"


class ProductPopularity(models.Model):
    """How much each product is wanted, refreshed by beat; what trending and popular sources read.

    ``total`` is how many shoppers wanted it, by the most that each did; in ``trending`` the newer of them weigh
    more (see recs/popularity.py).
    """

    product = models.OneToOneField(Product, models.CASCADE, primary_key=True, related_name="popularity")
    trending = models.FloatField(default=0.0, db_index=True)
    total = models.FloatField(default=0.0)
    first_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody dealt with the product for the first time."
    )
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"popularity of {self.product_id}"


class ModelVersion(models.Model):
    """One trained model and the space of vectors that it spans."""

    class Status(models.TextChoices):
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    name = models.CharField(
        max_length=40, unique=True, help_text="Time of training and number: 2026-11-24T02:00Z-3"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.BUILDING)
    recommender = models.CharField(max_length=40)
    dimension = models.PositiveIntegerField()
    artifact = models.CharField(max_length=200, help_text="Folder below ARTIFACT_DIR.")
    manifest_sha256 = models.CharField(max_length=64)
    served_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Of the recommender that ranks in place of the vectors; empty where the vectors rank.",
    )
    metrics = models.JSONField(default=dict, blank=True)
    config = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="active"), name="model_version_one_active"
            )
        ]

    def __str__(self) -> str:
        return self.name


class TrainingRun(models.Model):
    """One run of the nightly path, with every figure; ``heartbeat_at``: its last sign of life."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        PUBLISHED = "published", "Published"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    status = models.CharField(max_length=12, choices=Status, default=Status.RUNNING)
    stage = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True, help_text="Why it was published or refused, or what failed.")
    figures = models.JSONField(default=dict, blank=True)
    version = models.ForeignKey(ModelVersion, models.SET_NULL, null=True, blank=True, related_name="runs")
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.status}"


class ProductVector(models.Model):
    """A product in the space of one model version; a partition per version, each with its own HNSW index.

    The table is made by SQL in the migration, since Django cannot declare partitions. Read and written by
    SQL in binary: see recs/product_vectors.py.
    """

    pk = models.CompositePrimaryKey("version_id", "product_id")
    version = models.ForeignKey(ModelVersion, models.DO_NOTHING, related_name="+")
    product = models.ForeignKey(Product, models.DO_NOTHING, related_name="+")
    vector = HalfVectorField()

    class Meta:
        managed = False
        db_table = "recs_productvector"

    def __str__(self) -> str:
        return f"{self.product_id} in {self.version_id}"


class ShopperVector(models.Model):
    """A shopper in the space of one model version, as of their interaction number ``seq``.

    Updated all the time, so it carries no vector index and leaves room on its pages (fillfactor 70).
    """

    pk = models.CompositePrimaryKey("shopper_id", "version_id")
    shopper = models.ForeignKey(Shopper, models.DO_NOTHING, related_name="+")
    version = models.ForeignKey(ModelVersion, models.DO_NOTHING, related_name="+")
    seq = models.BigIntegerField()
    vector = HalfVectorField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "recs_shoppervector"

    def __str__(self) -> str:
        return f"{self.shopper_id} in {self.version_id} at {self.seq}"


class Recommendation(models.Model):
    """One served feed: what was shown to whom, in which order and why."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    shopper = models.ForeignKey(
        Shopper, models.CASCADE, null=True, blank=True, related_name="recommendations"
    )
    scenario = models.CharField(max_length=20)
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, blank=True, related_name="+", help_text="What the feed is about."
    )
    version = models.ForeignKey(ModelVersion, models.SET_NULL, null=True, blank=True, related_name="+")
    seq = models.BigIntegerField(default=0)
    items = models.JSONField(help_text="[{product, score, sources, reason}] in the order shown.")
    served_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ("-served_at",)

    def __str__(self) -> str:
        return f"{self.scenario} {self.uuid}"


class SecondStageWeight(models.Model):
    """What an answer of a kind is worth to the owner, where a second stage puts the first hundred in order."""

    HEADS = [
        ("view", "a view or a click"),
        ("cart", "a product put into the basket"),
        ("purchase", "a purchase"),
        ("good_rating", "a like or a good rating"),
        ("hide", "a hide or a bad rating"),
    ]
    """The heads of recs/engine/recommenders/second_stage, whose module would bring torch along."""
    MOST = 10.0

    head = models.CharField("answer", max_length=16, primary_key=True, choices=HEADS)
    weight = models.FloatField(validators=[MinValueValidator(-MOST), MaxValueValidator(MOST)])

    class Meta:
        verbose_name = "ranking weight"

    def __str__(self) -> str:
        return self.get_head_display()


class Heartbeat(models.Model):
    """When a worker of a queue last worked; what /readyz reads."""

    queue = models.CharField(max_length=20, primary_key=True)
    beaten_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.queue
