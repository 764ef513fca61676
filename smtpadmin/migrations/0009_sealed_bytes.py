"""Bodies as sealed bytes; see `smtpadmin.crypto`. What waits is sealed anew, so the keys have to be there."""

from collections.abc import Callable
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import smtpadmin.fields
from smtpadmin.conf import conf
from smtpadmin.crypto import Keyring


def to_bytes(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Raise BadKey, WrongKey or WrongContext, and change nothing, when a body does not open."""

    def seal(ring: Keyring, context: str, body: Any) -> dict[str, Any]:
        return {"sealed": ring.seal_bytes(context, ring.open(context, body.token))}

    _seal_anew(apps, editor, seal)


def to_tokens(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    def seal(ring: Keyring, context: str, body: Any) -> dict[str, Any]:
        return {"token": ring.seal(context, ring.open_bytes(context, bytes(body.sealed)))}

    _seal_anew(apps, editor, seal)


def _seal_anew(
    apps: Apps, editor: BaseDatabaseSchemaEditor, seal: Callable[[Keyring, str, Any], dict[str, Any]]
) -> None:
    bodies: models.QuerySet[Any] = apps.get_model("smtpadmin", "Body").objects.using(editor.connection.alias)
    if not bodies.exists():
        return
    ring = Keyring(conf.keys)
    for body in bodies.select_related("message").iterator():
        bodies.filter(pk=body.pk).update(**seal(ring, f"message.body|{body.message.uid}", body))


class Migration(migrations.Migration):
    dependencies = [("smtpadmin", "0008_alerts")]

    operations = [
        migrations.AddField("body", "sealed", smtpadmin.fields.SealedBytesField(null=True)),
        migrations.RunPython(to_bytes, to_tokens),
        migrations.RemoveField("body", "token"),
        migrations.AlterField("body", "sealed", smtpadmin.fields.SealedBytesField()),
    ]
