"""The panel's addresses. The admin site stands at /admin/; the bare address leads there."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from panel.health import readyz

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("readyz", readyz, name="readyz"),
    path("language/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
