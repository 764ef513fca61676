"""Alerts: channels, and what was told through them."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

import smtpadmin.fields
import smtpadmin.models.outbox


class Migration(migrations.Migration):
    dependencies = [
        ("smtpadmin", "0007_health"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[("mail", "Email"), ("webhook", "Webhook"), ("service", "Chat or push service")],
                        editable=False,
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        default="en",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                ("kinds", models.JSONField(blank=True, default=list, verbose_name="tell about")),
                ("addresses", models.TextField(blank=True, verbose_name="recipients")),
                ("sealed_target", smtpadmin.fields.SealedField(blank=True, default="", editable=False)),
                ("sealed_secret", smtpadmin.fields.SealedField(blank=True, default="", editable=False)),
                ("hint", models.CharField(blank=True, editable=False, max_length=253)),
                (
                    "ca_pem",
                    models.TextField(
                        blank=True,
                        help_text="In PEM form, for a server whose certificate your own CA has signed.",
                        verbose_name="CA certificate",
                    ),
                ),
                ("last_at", models.DateTimeField(editable=False, null=True)),
                ("last_ok", models.BooleanField(editable=False, null=True)),
                ("last_reason", models.CharField(blank=True, default="", editable=False, max_length=20)),
                ("last_detail", models.CharField(blank=True, default="", editable=False, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "profile",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="smtpadmin.profile",
                        verbose_name="SMTP profile",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert channel",
                "verbose_name_plural": "alert channels",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="AlertNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.CharField(default=smtpadmin.models.outbox.new_uid, editable=False, max_length=32)),
                ("event", models.CharField(choices=[("opened", "opened"), ("resolved", "resolved")], max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("dropped", "Not sent"),
                            ("failed", "Given up"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("reason", models.CharField(blank=True, default="", max_length=20)),
                ("detail", models.CharField(blank=True, default="", max_length=300)),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="smtpadmin.alertchannel"
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="smtpadmin.incident"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["mail", "webhook", "service"])), name="smtpadmin_channel_known_kind"
            ),
        ),
        migrations.AddIndex(
            model_name="alertnotice",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["due_at"], name="smtpadmin_notice_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertnotice",
            constraint=models.UniqueConstraint(fields=("incident", "channel", "event"), name="smtpadmin_notice_once"),
        ),
        migrations.AddConstraint(
            model_name="alertnotice",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "sent", "dropped", "failed"])),
                name="smtpadmin_notice_known_state",
            ),
        ),
    ]
