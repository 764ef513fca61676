"""An end for every certificate that goes unchecked, and the DKIM selector that only the operator knows."""

from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

import smtpadmin.names

# Who decided before there was an end could not know of one: time to see the banner and to trust the CA instead.
_NOTICE = timedelta(days=30)


def give_ends(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    profiles = apps.get_model("smtpadmin", "Profile").objects.using(editor.connection.alias)
    end = timezone.localdate(timezone=timezone.get_default_timezone()) + _NOTICE
    profiles.filter(skip_verify=True).update(skip_verify_until=end)


class Migration(migrations.Migration):
    dependencies = [
        ("smtpadmin", "0005_storage"),
    ]

    operations = [
        migrations.AddField(
            model_name="profile",
            name="dkim_selector",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What stands before “._domainkey” in the name of your DKIM record. Empty: the provider’s "
                "usual ones are looked up. Only for the check of the sender; mail leaves as before.",
                max_length=63,
                validators=[smtpadmin.names.validate_selector],
                verbose_name="DKIM selector",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="profile",
            name="skip_verify_until",
            field=models.DateField(
                blank=True,
                help_text="The last day. After it the certificate is checked again by itself. At most 90 days ahead.",
                null=True,
                verbose_name="not checked until",
            ),
        ),
        migrations.RunPython(give_ends, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="profile",
            constraint=models.CheckConstraint(
                condition=models.Q(("skip_verify", False), ("skip_verify_until__isnull", False), _connector="OR"),
                name="smtpadmin_skip_verify_has_end",
            ),
        ),
    ]
