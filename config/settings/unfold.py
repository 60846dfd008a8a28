"""How the admin looks: its title, its colours, what stands in its side bar."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _link(title: str, icon: str, address: str, permission: str) -> dict[str, Any]:
    """One line of the side bar, shown to those who may open it."""

    def allowed(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    def active(request: HttpRequest) -> bool:
        """By name: the path of the page of a shopper's feed begins like that of the list of served feeds."""
        match = request.resolver_match
        return match is not None and (match.url_name or "").startswith(address.removesuffix("changelist"))

    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{address}"),
        "permission": allowed,
        "active": active,
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Attune",
    "SITE_HEADER": "Attune",
    "SITE_SUBHEADER": "the shop's back office",
    "SITE_SYMBOL": "storefront",
    "SITE_URL": "/",
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "recs.admin.dashboard.dashboard_context",
    "STYLES": [lambda request: static("admin-pages.css")],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .014 200)",
            "100": "oklch(94.5% .030 200)",
            "200": "oklch(90.0% .055 200)",
            "300": "oklch(83.0% .085 200)",
            "400": "oklch(72.0% .105 200)",
            "500": "oklch(60.0% .105 200)",
            "600": "oklch(50.0% .090 200)",
            "700": "oklch(43.0% .076 200)",
            "800": "oklch(37.0% .062 200)",
            "900": "oklch(32.0% .050 200)",
            "950": "oklch(24.0% .040 200)",
        }
    },
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Shop",
                "items": [
                    _link("Products", "redeem", "catalog_product_changelist", "catalog.view_product"),
                    _link("Categories", "shelves", "catalog_category_changelist", "catalog.view_category"),
                    _link("Orders", "local_shipping", "accounts_order_changelist", "accounts.view_order"),
                ],
            },
            {
                "title": "Shoppers",
                "items": [
                    _link("Shoppers", "groups", "accounts_shopper_changelist", "accounts.view_shopper"),
                    _link(
                        "Interactions", "touch_app", "recs_interaction_changelist", "recs.view_interaction"
                    ),
                    _link("Users", "badge", "accounts_user_changelist", "accounts.view_user"),
                ],
            },
            {
                "title": "Recommendations",
                "items": [
                    _link(
                        "A shopper's feed", "auto_awesome", "recs_shopper_feed", "recs.view_recommendation"
                    ),
                    _link(
                        "Served feeds",
                        "view_carousel",
                        "recs_recommendation_changelist",
                        "recs.view_recommendation",
                    ),
                    _link(
                        "Model versions",
                        "deployed_code",
                        "recs_modelversion_changelist",
                        "recs.view_modelversion",
                    ),
                    _link(
                        "Training runs",
                        "model_training",
                        "recs_trainingrun_changelist",
                        "recs.view_trainingrun",
                    ),
                    _link(
                        "Ranking weights",
                        "tune",
                        "recs_secondstageweight_changelist",
                        "recs.view_secondstageweight",
                    ),
                ],
            },
            {
                "title": "Running it",
                "separator": True,
                "items": [
                    _link("Workers", "monitor_heart", "recs_heartbeat_changelist", "recs.view_heartbeat"),
                    _link(
                        "Schedule",
                        "schedule",
                        "django_celery_beat_periodictask_changelist",
                        "django_celery_beat.view_periodictask",
                    ),
                    _link("API tokens", "key", "knox_authtoken_changelist", "knox.view_authtoken"),
                    _link(
                        "Failed sign-ins",
                        "gpp_maybe",
                        "axes_accessattempt_changelist",
                        "axes.view_accessattempt",
                    ),
                ],
            },
        ],
    },
}
