import django.core.validators
from django.db import migrations, models

AT_FIRST = {"view": 0.3, "cart": 0.7, "purchase": 1.0, "good_rating": 1.0, "hide": -1.0}


def write_rows(apps, schema_editor):
    """So that there is something to edit."""
    weights = apps.get_model("recs", "SecondStageWeight")
    weights.objects.bulk_create(weights(head=head, weight=weight) for head, weight in AT_FIRST.items())


class Migration(migrations.Migration):
    dependencies = [("recs", "0004_served_recommender")]

    operations = [
        migrations.CreateModel(
            name="SecondStageWeight",
            fields=[
                (
                    "head",
                    models.CharField(
                        choices=[
                            ("view", "a view or a click"),
                            ("cart", "a product put into the basket"),
                            ("purchase", "a purchase"),
                            ("good_rating", "a like or a good rating"),
                            ("hide", "a hide or a bad rating"),
                        ],
                        max_length=16,
                        primary_key=True,
                        serialize=False,
                        verbose_name="answer",
                    ),
                ),
                (
                    "weight",
                    models.FloatField(
                        validators=[
                            django.core.validators.MinValueValidator(-10.0),
                            django.core.validators.MaxValueValidator(10.0),
                        ]
                    ),
                ),
            ],
            options={"verbose_name": "ranking weight"},
        ),
        migrations.RunPython(write_rows, migrations.RunPython.noop),
    ]
