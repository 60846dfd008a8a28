"""Addresses of a shopper's own pages."""

from django.urls import path

from accounts.views import cart, my_data, opinions, orders, shop_as, signing

app_name = "accounts"

urlpatterns = [
    path("account/sign-up", signing.sign_up, name="sign-up"),
    path("account/sign-in", signing.sign_in, name="sign-in"),
    path("account/sign-out", signing.sign_out, name="sign-out"),
    path("account/shop-as", shop_as.shop_as, name="shop-as"),
    path("account/shop-as/stop", shop_as.stop, name="shop-as-stop"),
    path("cart", cart.cart, name="cart"),
    path("cart/add", cart.add, name="cart-add"),
    path("cart/change", cart.change, name="cart-change"),
    path("checkout", orders.checkout, name="checkout"),
    path("orders", orders.orders, name="orders"),
    path("orders/<str:number>", orders.order, name="order"),
    path("opinion", opinions.opinion, name="opinion"),
    path("my-data", my_data.my_data, name="my-data"),
    path("my-data/consent", my_data.consent, name="consent"),
    path("my-data/export", my_data.export, name="export"),
    path("my-data/erase", my_data.erase, name="erase"),
    path("my-data/history/<uuid:uuid>/remove", my_data.remove, name="history-remove"),
]
