"""A host project's admin: Django's own site and templates, with the app's pages in it and nothing of the panel.

@pytest.fixture
def host(settings):
    use_stock_admin(settings)
"""

import copy
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import include, path

from smtpadmin.admin import AlertChannelAdmin, MessageAdmin, ProfileAdmin
from smtpadmin.models import AlertChannel, Message, Profile

site = AdminSite()
site.register(Profile, ProfileAdmin)
site.register(Message, MessageAdmin)
site.register(AlertChannel, AlertChannelAdmin)
site.register(User, UserAdmin)

urlpatterns = [
    # A browser asks for it on its own; the stock admin names no picture.
    path("favicon.ico", lambda _request: HttpResponse(status=204)),
    path("language/", include("django.conf.urls.i18n")),
    path("admin/", site.urls),
]


def use_stock_admin(settings: Any) -> None:
    """Change pytest-django's `settings` into those of a host project."""
    templates = copy.deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = []
    settings.TEMPLATES = templates
    settings.ROOT_URLCONF = __name__
