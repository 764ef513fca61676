"""Registration with Django: the panel itself, and the admin with our own site in place of the stock one."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class PanelConfig(AppConfig):
    name = "panel"
    default = True
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from panel import checks  # noqa: F401, PLC0415  Django wants checks registered here


class PanelAdminConfig(admin_apps.AdminConfig):
    """Everything that registers with the admin lands on the panel's site."""

    default = False
    default_site = "panel.site.PanelSite"
