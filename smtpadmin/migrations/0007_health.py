"""Standing health: looks at the profiles' servers, and incidents."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("smtpadmin", "0006_profile_checks"),
    ]

    operations = [
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "profile",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="looks",
                        to="smtpadmin.profile",
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "source",
                    models.CharField(
                        choices=[("sign-in", "Sign-in"), ("mail", "Mail was sent")], default="sign-in", max_length=10
                    ),
                ),
                ("ok", models.BooleanField()),
                ("seconds", models.FloatField(default=0)),
                ("stage", models.CharField(blank=True, default="", max_length=8)),
                ("cause", models.CharField(blank=True, default="", max_length=30)),
                ("code", models.PositiveSmallIntegerField(null=True)),
                ("enhanced", models.CharField(blank=True, default="", max_length=12)),
                ("reply", models.CharField(blank=True, default="", max_length=512)),
                ("certificate_from", models.DateTimeField(null=True)),
                ("certificate_until", models.DateTimeField(null=True)),
                ("certificate_sha256", models.CharField(blank=True, default="", max_length=64)),
                ("certificate_issuer", models.CharField(blank=True, default="", max_length=255)),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        models.F("profile"),
                        models.OrderBy(models.F("at"), descending=True),
                        name="smtpadmin_look_profile",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HealthState",
            fields=[
                (
                    "profile",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="health_state",
                        serialize=False,
                        to="smtpadmin.profile",
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("lease", models.CharField(blank=True, default="", max_length=64)),
                ("profile_version", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                (
                    "last",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="smtpadmin.look",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="smtpadmin.look",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("profile_failing", "A profile cannot sign in"),
                            ("profile_paused", "A profile is paused"),
                            ("certificate_expires", "A certificate expires soon"),
                            ("queue_old", "Mail waits for too long"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(max_length=100)),
                (
                    "profile",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="incidents",
                        to="smtpadmin.profile",
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("details", models.JSONField(default=dict)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("kind", "key"),
                        name="smtpadmin_incident_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["profile_failing", "profile_paused", "certificate_expires", "queue_old"])
                        ),
                        name="smtpadmin_incident_known_kind",
                    ),
                ],
            },
        ),
    ]
