"""Model versions, which can be activated and rolled back, and the training runs that they came from."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from recs.admin.curves import learning_curves
from recs.admin.figures import best_first, figures_table
from recs.admin.records import ReadOnlyAdmin
from recs.models import ModelVersion, SecondStageWeight, TrainingRun

VERSION_LABELS = {"Building": "info", "Ready": "warning", "Active": "success", "Retired": ""}
RUN_LABELS = {
    "Running": "info",
    "Published": "success",
    "Refused": "warning",
    "Failed": "danger",
    "Interrupted": "danger",
}


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """The nightly path makes and retires versions; here one chooses which of those that are kept serves."""

    list_display = ("name", "state", "recommender", "dimension", "headline", "created_at", "activated_at")
    list_filter = ("status", "recommender")
    fields = (
        "name",
        "state",
        "recommender",
        "dimension",
        "created_at",
        ("activated_at", "retired_at"),
        "figures",
        "configuration",
        "artifact",
        "manifest_sha256",
        "served_sha256",
    )
    readonly_fields = ("state", "figures", "configuration")
    actions_list = ("roll_back",)
    actions_detail = ("activate",)
    actions_row = ("activate",)

    def has_activate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("recs.change_modelversion")

    @action(
        description="Activate",
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        permissions=["activate"],
        dialog={
            "title": "Activate this version?",
            "description": "Every feed from the next request on is served by it. The version that is active "
            "now is kept, so that you can roll back.",
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        # Imported late: publishing knows the engine, which web processes load only when they need it.
        from recs.nightly import publish

        version = self.get_object(request, object_id)
        if version is None:
            messages.error(request, "That version is gone.")
        else:
            try:
                publish.activate(version)
                messages.success(request, f"{version} is active now.")
            except publish.CannotActivate as failure:
                messages.error(request, str(failure))
        return self._to_list()

    @action(
        description="Roll back",
        icon="undo",
        variant=ActionVariant.WARNING,
        permissions=["activate"],
        dialog={
            "title": "Roll back to the version before?",
            "description": "Every feed from the next request on is served by the version that was active "
            "before this one.",
            "form_submit_text": "Roll back",
        },
    )
    def roll_back(self, request: HttpRequest, form: Any) -> HttpResponse:
        from recs.nightly import publish

        try:
            version = publish.rollback()
            messages.success(request, f"Rolled back: {version} is active now.")
        except publish.CannotActivate as failure:
            messages.error(request, str(failure))
        return self._to_list()

    def _to_list(self) -> HttpResponse:
        """The dialogue is sent by htmx, which leaves the page when told so by this header."""
        return HttpResponse(headers={"HX-Redirect": reverse("admin:recs_modelversion_changelist")})

    @display(description="Status", ordering="status", label=VERSION_LABELS)
    def state(self, version: ModelVersion) -> str:
        return version.get_status_display()

    @display(description="NDCG@10")
    def headline(self, version: ModelVersion) -> str:
        """Its own figure on the held-out slice, among those of all that were asked."""
        value = version.metrics.get(version.recommender, {}).get("ndcg@10")
        return "–" if value is None else f"{value:.4f}"

    @display(description="Metrics")
    def figures(self, version: ModelVersion) -> str:
        return figures_table(best_first(version.metrics))

    @display(description="Configuration")
    def configuration(self, version: ModelVersion) -> str:
        return figures_table(version.config)


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "state", "stage", "version_link", "why", "seconds")
    list_filter = ("status",)
    list_select_related = ("version",)
    list_fullwidth = True
    date_hierarchy = "started_at"
    fields = (
        ("state", "stage"),
        ("started_at", "finished_at"),
        "seconds",
        "version_link",
        "reason",
        "table",
    )
    readonly_fields = ("state", "seconds", "version_link", "table")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return super().get_queryset(request).select_related("version")

    @display(description="Status", ordering="status", label=RUN_LABELS)
    def state(self, run: TrainingRun) -> str:
        return run.get_status_display()

    @display(description="Seconds")
    def seconds(self, run: TrainingRun) -> str:
        """Of a run that goes on: until its last sign of life."""
        return f"{((run.finished_at or run.heartbeat_at) - run.started_at).total_seconds():.0f}"

    @display(description="Version")
    def version_link(self, run: TrainingRun) -> str:
        if run.version is None:
            return "–"
        address = reverse("admin:recs_modelversion_change", args=[run.version.pk])
        return format_html('<a href="{}">{}</a>', address, run.version)

    @display(description="Why")
    def why(self, run: TrainingRun) -> str:
        return run.reason if len(run.reason) <= 90 else f"{run.reason[:89]}…"

    @display(description="Figures")
    def table(self, run: TrainingRun) -> str:
        """What was measured, the best recommender first, and how those that learn by epochs came to it."""
        figures = dict(run.figures)
        quality, curves = best_first(figures.pop("quality", {})), figures.pop("curves", {})
        tables = {"quality_on_the_newest_slice": quality, **figures, "curves": curves}
        return format_html("{}{}", learning_curves(curves), figures_table(tables))


@admin.register(SecondStageWeight)
class SecondStageWeightAdmin(ModelAdmin):
    """One row for each head of a second stage, edited in the list."""

    list_display = ("head", "weight")
    list_display_links = None
    list_editable = ("weight",)
    list_before_template = "admin/recs/ranking_weights.html"
    ordering = ("-weight", "head")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SecondStageWeight | None = None) -> bool:
        return False
