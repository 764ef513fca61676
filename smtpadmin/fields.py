"""The encrypted fields: columns that take sealed values only, so that no path can store a secret in clear."""

from typing import TYPE_CHECKING, Any

from django.db import models

from smtpadmin.crypto import are_sealed, is_sealed

# The fields are generic for the type checker only.
if TYPE_CHECKING:
    TextField = models.TextField[str, str]
    BinaryField = models.BinaryField[bytes, bytes]
else:
    TextField = models.TextField
    BinaryField = models.BinaryField


class SealedField(TextField):
    """Text made by `Keyring.seal`, or nothing. Never part of a form; what it holds is opened in `profiles`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)

    def get_prep_value(self, value: Any) -> Any:
        """Raise ValueError, without the value, when it is not sealed."""
        prepared = super().get_prep_value(value)
        if prepared and not is_sealed(prepared):
            raise ValueError(f"{self.model.__name__}.{self.name} takes sealed values only.")
        return prepared


class SealedBytesField(BinaryField):
    """Bytes made by `Keyring.seal_bytes`."""

    def get_prep_value(self, value: Any) -> Any:
        """Raise ValueError, without the value, when they are not sealed."""
        prepared = super().get_prep_value(value)
        if prepared is not None and not are_sealed(bytes(prepared)):
            raise ValueError(f"{self.model.__name__}.{self.name} takes sealed values only.")
        return prepared
