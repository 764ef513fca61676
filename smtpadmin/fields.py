"""The encrypted field: a column that takes sealed values only, so that no path can store a secret in clear."""

from typing import Any

from django.db import models

from smtpadmin.crypto import is_sealed


class SealedField(models.TextField[str, str]):
    """Text made by `Keyring.seal`, or nothing. Never part of a form; what it holds is opened in `profiles`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"blank": True, "default": "", "editable": False} | kwargs)

    def get_prep_value(self, value: Any) -> Any:
        """Raise ValueError, without the value, when it is not sealed."""
        prepared = super().get_prep_value(value)
        if prepared and not is_sealed(prepared):
            raise ValueError(f"{self.model.__name__}.{self.name} takes sealed values only.")
        return prepared
