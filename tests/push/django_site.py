"""A Django product in one file, for gunicorn: it refuses to start on a bad value, and says which content it runs on."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

if os.environ["DB_PASSWORD"].startswith("bad"):
    raise ImproperlyConfigured("DB_PASSWORD is of no use")

settings.configure(
    SECRET_KEY=os.environ["DB_PASSWORD"] * 4,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
)


def health(request):
    return JsonResponse({"status": "well", "app": {"generation": os.environ["APP_GENERATION"]}})


urlpatterns = [path("health/", health)]
application = get_wsgi_application()
