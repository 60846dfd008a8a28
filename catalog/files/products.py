"""Products as a file: one row each, by the columns below, to read and to write."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from django.conf import settings
from PIL import Image, UnidentifiedImageError

from catalog.files import cells
from catalog.files.cells import CellError, Cells, Problem
from catalog.files.reading import TableFile
from catalog.models import Product
from catalog.services import NewProduct

COLUMNS = {
    "code": "needed; the shop's own id: 1 to 64 characters",
    "name": "needed; 1 to 200 characters of plain text",
    "price": "needed; from 0 to 99999999.99, such as 1.95",
    "currency": "the shop's (SHOP_CURRENCY)",
    "description": "plain text, up to 10,000 characters",
    "category": "name or slug, up to 80 characters; made if the shop has none such",
    "stock": "whole number from 0 (default: 0)",
    "visible": "true or false (default: true)",
    "image": "picture: a path below --images FOLDER, or without that below the shop's media folder",
    "attributes": 'a JSON object such as {"colour": "red"}',
    "created_at": "on sale since, ISO 8601, without an offset UTC (default: now)",
}
"""What each means, as the commands' help shows it."""
REQUIRED = ("code", "name", "price")
EMPTIED = {"description": "", "category": "", "image": "", "attributes": {}}
"""What an empty cell of a column that is there stands for; of the other columns it means: as it is."""
SCHEMA = pa.schema(
    [
        ("code", pa.string()),
        ("name", pa.string()),
        ("price", pa.decimal128(10, 2)),
        ("currency", pa.string()),
        ("description", pa.string()),
        ("category", pa.string()),
        ("stock", pa.int64()),
        ("visible", pa.bool_()),
        ("image", pa.string()),
        ("attributes", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""Types of the columns where a format has types."""
PICTURE_FORMATS = {"PNG", "JPEG", "WEBP", "GIF"}
LONGEST_DESCRIPTION = 10_000


@dataclass(frozen=True, slots=True)
class ProductsRead:
    products: list[NewProduct]
    problems: list[Problem]
    rows: int


def read_products(
    path: Path, *, images: Path | None = None, say: Callable[[float], None] | None = None
) -> ProductsRead:
    """Every good row's product, and everything that is wrong with the others. Raises FileError.

    ``images``: the folder that the column image refers to; ``say(done in 0 … 1)``.
    """
    file = TableFile(path, columns=COLUMNS, required=REQUIRED)
    products: list[NewProduct] = []
    problems: list[Problem] = []
    first_rows: dict[str, int] = {}
    pictures = _Pictures(images)
    number = 0
    for row in file.rows():
        number = row.number
        reader = Cells(row, problems)
        if not row.problem:
            product = _product(reader, pictures)
            earlier = first_rows.setdefault(product.code, row.number)
            if product.code and earlier != row.number:
                reader.refuse("code", f"is {product.code} as in row {earlier}: a product comes once")
            if reader.good:
                products.append(product)
        if say and number % 1_000 == 0:
            say(file.done)
    return ProductsRead(products, problems, number)


def product_rows() -> Iterator[dict[str, Any]]:
    """Every product of the shop, by code, as ``read_products`` takes it."""
    found = Product.objects.order_by("code").select_related("category").iterator(chunk_size=2_000)
    for product in found:
        yield {
            "code": product.code,
            "name": product.name,
            "price": product.price,
            "currency": product.currency,
            "description": product.description,
            "category": product.category.name if product.category else "",
            "stock": product.stock,
            "visible": product.visible,
            "image": product.image.name or "",
            "attributes": json.dumps(product.attributes, ensure_ascii=False) if product.attributes else "",
            "created_at": product.created_at,
        }


def place_pictures(products: list[NewProduct], images: Path) -> list[NewProduct]:
    """Copies the pictures into the media folder, named by content, and names them in the products."""
    pictures = _Pictures(images)
    return [pictures.placed(product) for product in products]


def _product(reader: Cells, pictures: _Pictures) -> NewProduct:
    def kept(field: str) -> Any:
        return EMPTIED[field] if reader.has(field) else None

    return NewProduct(
        code=reader.read("code", _code, "", required=True),
        name=reader.read("name", partial(cells.text, longest=200), "", required=True),
        price=reader.read("price", cells.money, cells.CENT, required=True),
        currency=reader.read("currency", _currency, None),
        description=reader.read(
            "description", partial(cells.text, longest=LONGEST_DESCRIPTION, lines=True), kept("description")
        ),
        category=reader.read("category", partial(cells.text, longest=80), kept("category")),
        stock=reader.read("stock", cells.whole, None),
        visible=reader.read("visible", cells.truth, None),
        image=reader.read("image", pictures.checked, kept("image")),
        attributes=reader.read("attributes", cells.json_object, kept("attributes")),
        created_at=reader.read("created_at", cells.moment, None),
    )


def _code(value: Any) -> str:
    code = cells.text(value, longest=64)
    if any(part in ("", ".", "..") for part in code.split("/")):
        raise CellError(f"is {code!r}: it stands in addresses, so no part between slashes is empty, . or ..")
    return code


def _currency(value: Any) -> str:
    currency = cells.text(value, longest=3)
    if currency != settings.SHOP_CURRENCY:
        raise CellError(
            f"is {currency}, but the shop sells in {settings.SHOP_CURRENCY}: convert the price, or set"
            " SHOP_CURRENCY"
        )
    return currency


class _Pictures:
    """Pictures named by a file, in a folder that comes with it or in the media folder."""

    def __init__(self, images: Path | None) -> None:
        self._folder = images or Path(settings.MEDIA_ROOT)
        self._checked: dict[str, str] = {}

    def checked(self, value: Any) -> str:
        """The path; each different picture is opened once. Raises CellError."""
        name = cells.text(value, longest=100)
        if name not in self._checked:
            self._checked[name] = self._problem(name)
        if self._checked[name]:
            raise CellError(self._checked[name])
        return name

    def placed(self, product: NewProduct) -> NewProduct:
        if not product.image:
            return product
        source = self._folder / product.image
        digest = hashlib.sha256(source.read_bytes()).hexdigest()[:20]
        name = f"products/{digest}{source.suffix.lower()}"
        target = Path(settings.MEDIA_ROOT) / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            partial_copy = target.with_name(f".{target.name}.partial")
            shutil.copyfile(source, partial_copy)
            partial_copy.replace(target)
        return replace(product, image=name)

    def _problem(self, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            return f"is {name}: it must lie below {self._folder}"
        file = self._folder / path
        if not file.is_file() or not file.resolve().is_relative_to(self._folder.resolve()):
            return f"is {name}: there is no such file below {self._folder}"
        try:
            with Image.open(file) as picture:
                form = picture.format
                picture.verify()
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError):
            form = None
        if form not in PICTURE_FORMATS:
            return f"is {name}: must be a picture, one of {', '.join(sorted(PICTURE_FORMATS))}"
        return ""
