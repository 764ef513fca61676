"""The app's registration with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SmtpAdminConfig(AppConfig):
    name = "smtpadmin"
    verbose_name = _("Mail sending")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from smtpadmin import checks  # noqa: F401, PLC0415  Django wants checks registered here
