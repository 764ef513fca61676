"""The panel's settings. docs/settings.md explains each variable read here; a test compares the two."""

import django
from django.core.exceptions import ImproperlyConfigured

from config.databases import database
from config.env import BASE_DIR, SecretFileMissing, choice, data_dir, listing, number, secret, switch, text, time_zone

DATA_DIR = data_dir()

# Security

DEBUG = switch("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        f"SECRET_KEY is not set and {DATA_DIR / 'secret_key'} does not exist. `make run` makes it; elsewhere set "
        "SECRET_KEY or SECRET_KEY_FILE."
    )

HOST = text("HOST", "127.0.0.1")
PORT = number("PORT", 8000, highest=65535)
ALLOWED_HOSTS = listing("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", f"[{HOST}]" if ":" in HOST else HOST])
CSRF_TRUSTED_ORIGINS = listing("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "panel.errors.csrf_failure"

# Behind a proxy that ends TLS and sets X-Forwarded-Proto itself.
HTTPS = switch("HTTPS", default=False)
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "panel.reports.AlwaysSafe"

# How many proxies stand in front and add to X-Forwarded-For; only that many entries of it are believed.
TRUSTED_PROXIES = number("TRUSTED_PROXIES", 0)

# What runs

INSTALLED_APPS = [
    "panel",
    "smtpadmin",
    "panel.apps.PanelAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "panel.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Data

DATABASES = {
    "default": database(secret("DATABASE_URL"), password=secret("DATABASE_PASSWORD"), data_dir=DATA_DIR),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = text("STATIC_ROOT", str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Mail

try:
    KEYS = secret("SMTPADMIN_KEYS").split()
except SecretFileMissing:
    # The panel starts all the same, locked, and its pages say what to do.
    KEYS = []
SMTPADMIN = {
    "KEYS": KEYS,
    "PROVIDERS_FILE": text("SMTPADMIN_PROVIDERS_FILE"),
    "DENIED_NETWORKS": listing("SMTPADMIN_DENIED_NETWORKS"),
    "AUTOCONFIG": switch("SMTPADMIN_AUTOCONFIG", default=True),
    "DNS_SERVERS": listing("SMTPADMIN_DNS_SERVERS"),
    "TESTS_PER_MINUTE": number("SMTPADMIN_TESTS_PER_MINUTE", 10),
    "CHECK_EVERY_HOURS": number("SMTPADMIN_CHECK_EVERY_HOURS", 24),
    "RETENTION_DAYS": number("SMTPADMIN_RETENTION_DAYS", 90),
    "KEEP_SENT_BODIES_DAYS": number("SMTPADMIN_KEEP_SENT_BODIES_DAYS", 0),
    "KEEP_FAILED_BODIES_HOURS": number("SMTPADMIN_KEEP_FAILED_BODIES_HOURS", 24),
}
# The panel sends its own mail the way every app does: through its default profile.
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "smtpadmin.backend.EmailBackend"}}
else:
    EMAIL_BACKEND = "smtpadmin.backend.EmailBackend"
PASSWORD_RESET = switch("SMTPADMIN_PASSWORD_RESET", default=True)
# Whether the start runs a worker beside the web server; else it is a service of its own: manage.py deliver.
WORKER = switch("SMTPADMIN_WORKER", default=True)

# People

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_RESET_TIMEOUT = 3600

LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_CODE = choice("LANGUAGE_CODE", "en", dict(LANGUAGES))
LOCALE_PATHS = [BASE_DIR / "panel" / "locale"]
TIME_ZONE = time_zone("TIME_ZONE", "UTC")
USE_I18N = USE_TZ = True

# Log

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "scrub_secrets": {"()": "smtpadmin.redaction.ScrubSecrets"},
        "hide_links": {"()": "config.log.HideLinks"},
    },
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["scrub_secrets", "hide_links"],
        }
    },
    "root": {"handlers": ["stderr"], "level": choice("LOG_LEVEL", "INFO", LOG_LEVELS)},
    # Django's own handlers would mail errors to ADMINS, whose mail is what may be broken.
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
