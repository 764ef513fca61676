"""How much of a limit is used up: one row per scope. Counted by the atomic statements of `limits` and `outbox.pace`."""

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


class RateLog(models.Model):
    """What a profile has sent lately, to everybody or to one recipient, as far as a rate looks back."""

    #: Recipients are hashed: their number is not bounded, and an address tells more than is needed here.
    scope = models.CharField(max_length=100)
    #: In the form of `rates.dumps`.
    log = models.TextField(blank=True, default="")
    #: The clock that its instants are of, and what to add to that clock; see `outbox.pace`.
    boot = models.CharField(max_length=36, blank=True, default="")
    clock_offset = models.BigIntegerField(default=0)
    #: After this it limits nothing any more.
    until = models.DateTimeField()

    class Meta:
        default_permissions = ()
        # Not `unique=True`: for that Django adds a second index on PostgreSQL, for LIKE.
        constraints = [models.UniqueConstraint(fields=["scope"], name="smtpadmin_rate_log_scope")]

    def __str__(self) -> str:
        return self.scope
