"""The panel's admin site: its name, its navigation and its front page."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class PanelSite(AdminSite):
    site_header = "smtpadmin"
    site_title = "smtpadmin"
    index_title = _("Dashboard")
    index_template = "panel/dashboard.html"
    # The stock sidebar is hidden below 768 px; base_site.html prints its own, which a phone shows too.
    enable_nav_sidebar = False
