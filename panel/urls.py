"""The panel's addresses. The admin site stands at /admin/; the bare address leads there."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from panel import password_reset
from panel.health import readyz
from panel.link_login import link_login
from panel.setup import setup

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("readyz", readyz, name="readyz"),
    path("setup/<token>/", setup, name="setup"),
    path("login-link/<int:pk>/<token>/", link_login, name="link_login"),
    path("language/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
if settings.PASSWORD_RESET:
    # The login page offers it as soon as the name admin_password_reset exists.
    urlpatterns += password_reset.urlpatterns()
