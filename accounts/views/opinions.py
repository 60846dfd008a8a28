"""The buttons that like and hide a product."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from accounts.forms import OpinionForm
from accounts.opinions import set_opinion
from accounts.views.answers import changed, known_shopper
from catalog.models import Product
from recs.engine.interactions import Kind

OPINIONS = {"like": Kind.LIKE, "hide": Kind.HIDE, "none": None}


@require_POST
def opinion(request: HttpRequest) -> HttpResponse:
    shopper = known_shopper(request)
    form = OpinionForm(request.POST)
    product = None
    if form.is_valid():
        product = Product.objects.filter(code=form.code).first()
    if product is None:
        text = "The shop does not have this product any more."
        return changed(request, shopper, text, otherwise="recs:home", failed=True)
    said = form.word
    set_opinion(
        shopper=shopper,
        product=product,
        opinion=OPINIONS[said],
        recommendation=form.cleaned_data["recommendation"],
    )
    texts = {
        "like": f"You like {product.name}: more like it in your feed.",
        "hide": f"{product.name} will not be shown to you again.",
        "none": f"Taken back: {product.name} is like any other product.",
    }
    return changed(request, shopper, texts[said], otherwise="recs:home")
