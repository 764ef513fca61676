"""Settings of a project that only sends: it has neither Django's admin nor the panel."""

from config.settings import *  # noqa: F403

INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "smtpadmin"]
MIDDLEWARE: list[str] = []
AUTH_USER_MODEL = "auth.User"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ROOT_URLCONF = __name__

urlpatterns: list[object] = []
