"""Who would hear of trouble: which profiles nobody would be told about."""

from collections.abc import Iterable, Sequence

from smtpadmin.alerts.notices import hears_of
from smtpadmin.models import AlertChannel, ChannelKind, IncidentKind, Profile

# Of the two ways in which a profile stops, either has to be heard of.
_STOPPING = (IncidentKind.PROFILE_FAILING, IncidentKind.PROFILE_PAUSED)


def unheard(profiles: Iterable[Profile], channels: Sequence[AlertChannel]) -> list[Profile]:
    """Return the enabled profiles whose failing no enabled channel could tell, without a look at the database."""
    by_id = {profile.pk: profile for profile in profiles}
    return [
        profile
        for profile in by_id.values()
        if profile.enabled and not any(_can_tell_of(profile, channel, by_id) for channel in channels)
    ]


def _can_tell_of(profile: Profile, channel: AlertChannel, by_id: dict[int, Profile]) -> bool:
    if not channel.enabled or not all(hears_of(channel, kind) for kind in _STOPPING):
        return False
    if channel.kind != ChannelKind.MAIL:
        return True
    through = by_id.get(channel.profile_id or 0)
    return through is not None and through.enabled and through.pk != profile.pk
