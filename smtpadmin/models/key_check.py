"""The canary of the keyring: a sealed value that opens only with the keys that the stored data was sealed with."""

from django.db import models

from smtpadmin.fields import SealedField


class KeyCheck(models.Model):
    """At most one row; written with the first secret, opened by `keys` to detect a wrong key."""

    token = SealedField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "key check"
