"""How much of a limit is used up: one row per scope. Counted by the atomic statements of `limits`."""

from django.db import models


class Allowance(models.Model):
    """The uses of one scope since the start of its present window."""

    scope = models.CharField(max_length=200, unique=True)
    used = models.PositiveIntegerField()
    window_start = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.scope}: {self.used}"
