"""The one-time link that lets an administrator in: the first one, or one whose password is forgotten."""

from django.db import models


class SetupLink(models.Model):
    """The hash of a link's token. The row is deleted when the link is used, so it is used once."""

    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"until {self.expires_at:%Y-%m-%d %H:%M}"
