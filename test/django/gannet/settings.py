"""Settings of a small conference site on regpaydb."""
import os
from pathlib import Path

SECRET_KEY = os.environ.get("SECRET_KEY", "for development only")
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost 127.0.0.1").split()

POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "gannet",
    "HOST": os.environ.get("PGHOST", ""),
    "PORT": os.environ.get("PGPORT", ""),
}
DATABASES = {
    # Requests. This role owns nothing; its rights are in the first migration.
    # It may connect through pgbouncer in transaction pooling: regpaydb's
    # settings are made per transaction, and server-side cursors, which would
    # outlive one, are off.
    "default": {
        **POSTGRES,
        "USER": "gannet_site",
        "HOST": os.environ.get("PGBOUNCER_HOST", POSTGRES["HOST"]),
        "PORT": os.environ.get("PGBOUNCER_PORT", POSTGRES["PORT"]),
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "TEST": {"MIRROR": "owner"},  # the owner makes the tests' database
    },
    # consume_outbox
    "worker": {**POSTGRES, "USER": "gannet_worker", "TEST": {"MIRROR": "owner"}},
    # send_refunds
    "refunds": {**POSTGRES, "USER": "gannet_refunds", "TEST": {"MIRROR": "owner"}},
    # Migrations: manage.py migrate --database=owner
    "owner": {**POSTGRES, "USER": "gannet_owner", "TEST": {"DEPENDENCIES": []}},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "gannet",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "gannet.middleware.ActorMiddleware",  # needs request.user; opens the transaction
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gannet.views.conference",
            ],
        },
    },
]
ROOT_URLCONF = "gannet.urls"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"

# What the first migration makes the ledger with, and how many decimals the
# ledger's money columns have for it: 2 for most currencies, 0 for JPY, 3 for KWD.
CURRENCY = "AUD"
CURRENCY_DECIMALS = 2

DEFAULT_FROM_EMAIL = "registration@gannet.example"
STAFF_EMAIL = "treasurer@gannet.example"
EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
# Where the pretend payment platform keeps its books: see gannet/platform.py.
PLATFORM_FILE = os.environ.get(
    "PLATFORM_FILE", str(Path(__file__).parent.parent / "platform.sqlite3")
)
STRIPE_WEBHOOK_SECRET = os.environ.get("STRIPE_WEBHOOK_SECRET", "whsec_for_development_only")
