"""The admin of what other packages bring (schedule, tokens, sign-ins, groups), in the look of the rest."""

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    IntervalScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskForm,
    SolarScheduleAdmin,
    TaskSelectWidget,
)
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from knox.admin import AuthTokenAdmin
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

for model in (
    AccessAttempt,
    AccessFailureLog,
    AccessLog,
    AuthToken,
    ClockedSchedule,
    CrontabSchedule,
    Group,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
):
    admin.site.unregister(model)


class StyledTaskSelectWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The package's list of registered tasks."""


class StyledPeriodicTaskForm(PeriodicTaskForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = StyledTaskSelectWidget()


@admin.register(PeriodicTask)
class StyledPeriodicTaskAdmin(PeriodicTaskAdmin, ModelAdmin):
    form = StyledPeriodicTaskForm


@admin.register(CrontabSchedule)
class StyledCrontabScheduleAdmin(CrontabScheduleAdmin, ModelAdmin):
    pass


@admin.register(IntervalSchedule)
class StyledIntervalScheduleAdmin(IntervalScheduleAdmin, ModelAdmin):
    pass


@admin.register(SolarSchedule)
class StyledSolarScheduleAdmin(SolarScheduleAdmin, ModelAdmin):
    pass


@admin.register(ClockedSchedule)
class StyledClockedScheduleAdmin(ClockedScheduleAdmin, ModelAdmin):
    pass


@admin.register(AuthToken)
class StyledAuthTokenAdmin(AuthTokenAdmin, ModelAdmin):
    pass


@admin.register(AccessAttempt)
class StyledAccessAttemptAdmin(AccessAttemptAdmin, ModelAdmin):
    pass


@admin.register(AccessLog)
class StyledAccessLogAdmin(AccessLogAdmin, ModelAdmin):
    pass


@admin.register(AccessFailureLog)
class StyledAccessFailureLogAdmin(AccessFailureLogAdmin, ModelAdmin):
    pass


@admin.register(Group)
class StyledGroupAdmin(GroupAdmin, ModelAdmin):
    pass
