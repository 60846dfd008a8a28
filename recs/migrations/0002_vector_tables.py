"""The two vector tables, which Django cannot declare: partitions, fill factor, cascades in the database."""

from django.db import migrations

CREATE = """
CREATE TABLE recs_productvector (
    version_id bigint NOT NULL REFERENCES recs_modelversion (id) ON DELETE CASCADE,
    product_id bigint NOT NULL REFERENCES catalog_product (id) ON DELETE CASCADE,
    vector halfvec NOT NULL,
    PRIMARY KEY (version_id, product_id)
) PARTITION BY LIST (version_id);

CREATE TABLE recs_shoppervector (
    shopper_id bigint NOT NULL REFERENCES accounts_shopper (id) ON DELETE CASCADE,
    version_id bigint NOT NULL REFERENCES recs_modelversion (id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    vector halfvec NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shopper_id, version_id)
) WITH (fillfactor = 70);
"""

DROP = "DROP TABLE recs_shoppervector; DROP TABLE recs_productvector;"


class Migration(migrations.Migration):
    dependencies = [("recs", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
