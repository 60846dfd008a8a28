"""Products by the REST API."""

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Category, Product, ProductImage, ProductQuerySet
from catalog.search import QUERY_LENGTH, full_text
from config.problems import FieldError, InvalidRequest, problems

PRODUCT_EXAMPLE = {
    "id": "22386",
    "name": "Jumbo bag pink polkadot",
    "url": "/p/22386/jumbo-bag-pink-polkadot",
    "image": "/media/products/22386.webp",
    "price": {"amount": "1.95", "currency": "GBP"},
    "category": "bags",
    "available": True,
}


class PriceSerializer(serializers.Serializer):
    amount = serializers.DecimalField(source="price", max_digits=10, decimal_places=2)
    currency = serializers.CharField(help_text="ISO 4217.")


class ProductSerializer(serializers.Serializer):
    """A product as every list shows it. Needs ``category`` joined (``select_related``)."""

    id = serializers.CharField(source="code", help_text="The shop's own id.")
    name = serializers.CharField()
    url = serializers.CharField(source="get_absolute_url", help_text="Its page.")
    image = serializers.SerializerMethodField()
    price = PriceSerializer(source="*")
    category = serializers.SerializerMethodField()
    available = serializers.BooleanField(help_text="Whether it can be put into the cart now.")

    @extend_schema_field({"type": "string", "nullable": True, "description": "Address of its picture."})
    def get_image(self, product: Product) -> str | None:
        return product.image.url if product.image else None

    @extend_schema_field({"type": "string", "nullable": True, "description": "Slug of its category."})
    def get_category(self, product: Product) -> str | None:
        return product.category.slug if product.category else None


class ProductDetailSerializer(ProductSerializer):
    description = serializers.CharField()
    attributes = serializers.DictField(help_text="Whatever the shop knows of it.")
    images = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"type": "string"}, "description": "Further pictures."})
    def get_images(self, product: Product) -> list[str]:
        return [picture.image.url for picture in product.images.all()]


class ProductList(generics.ListAPIView):
    serializer_class = ProductSerializer

    @extend_schema(
        summary="Products, searched or of a category",
        description="Visible products, 24 a page: by name, or with `search` by how well they match. "
        "Products out of stock are listed with `available` false.",
        parameters=[
            OpenApiParameter(
                "search",
                OpenApiTypes.STR,
                description=f"Words, all of which match; quotes, OR and minus work. "
                f"At most {QUERY_LENGTH} characters.",
                examples=[OpenApiExample("words", value="pink bag")],
            ),
            OpenApiParameter(
                "category",
                OpenApiTypes.STR,
                description="Slug of a category.",
                examples=[OpenApiExample("slug", value="bags")],
            ),
        ],
        responses={200: ProductSerializer(many=True), **problems(400, 404)},
        examples=[
            OpenApiExample("A product", value=PRODUCT_EXAMPLE, response_only=True, status_codes=["200"])
        ],
        tags=["products"],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> ProductQuerySet:
        search = self.request.query_params.get("search", "").strip()
        slug = self.request.query_params.get("category", "")
        errors = []
        if len(search) > QUERY_LENGTH:
            errors.append(FieldError("/search", f"must have at most {QUERY_LENGTH} characters."))
        if "\x00" in search:
            errors.append(FieldError("/search", "must not contain a null character."))
        category = None
        if slug:
            category = None if "\x00" in slug else Category.objects.filter(slug=slug).first()
            if category is None:
                errors.append(FieldError("/category", f"There is no category {slug[:80]!r}."))
        if errors:
            raise InvalidRequest(errors)
        products = full_text(search) if search else Product.objects.order_by("name", "pk")
        if category:
            products = products.filter(category=category)
        return products.filter(visible=True).select_related("category")


class ProductDetail(generics.GenericAPIView):
    serializer_class = ProductDetailSerializer

    @extend_schema(
        summary="One product",
        parameters=[
            OpenApiParameter(
                "id",
                OpenApiTypes.STR,
                OpenApiParameter.PATH,
                description="The shop's own id of it.",
                examples=[OpenApiExample("id", value="22386")],
            )
        ],
        responses={200: ProductDetailSerializer, **problems(404)},
        examples=[
            OpenApiExample(
                "A product",
                value=PRODUCT_EXAMPLE
                | {"description": "A roomy bag.", "attributes": {"colour": "pink"}, "images": []},
                response_only=True,
                status_codes=["200"],
            )
        ],
        tags=["products"],
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(self.get_serializer(self.get_product(id)).data)

    def get_product(self, code: str) -> Product:
        products = Product.objects.filter(visible=True).select_related("category")
        pictures = Prefetch("images", ProductImage.objects.order_by("position", "pk"))
        product = None if "\x00" in code else products.prefetch_related(pictures).filter(code=code).first()
        if product is None:
            raise exceptions.NotFound(f"There is no product {code[:64]!r}.")
        return product
