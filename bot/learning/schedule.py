"""The retraining schedule: crontab expression and time zone from the settings, checked at the start."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from bot.settings import LearningSettings, SettingsError


def cron(settings: LearningSettings) -> CronTrigger:
    """The trigger; raises SettingsError naming the key."""
    try:
        zone = ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"softanswer.yaml: learning.timezone {settings.timezone} is unknown — use a name like Europe/Berlin"
        ) from None
    try:
        trigger = CronTrigger.from_crontab(_named_days(settings.schedule), timezone=zone)
    except ValueError as error:
        raise SettingsError(
            f"softanswer.yaml: learning.schedule '{settings.schedule}' is not in crontab form ({error}) — use e.g. '0 3 * * *'"
        ) from None
    trigger.jitter = settings.jitter_s
    return trigger


_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _named_days(crontab: str) -> str:
    """Replace the numbers of weekdays by names: crontab counts from Sunday, APScheduler from Monday."""
    fields = crontab.split()
    if len(fields) == 5:
        fields[4] = re.sub(r"(?<![/\d])[0-7](?!\d)", lambda match: _DAYS[int(match[0])], fields[4])
    return " ".join(fields)
