"""A Django product on PostgreSQL. Its settings are those of the env file when it starts, and each request logs in anew."""

import os
import sys
from pathlib import Path

import environ
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import JsonResponse
from django.urls import path

environ.Env.read_env(Path(__file__).with_name("app.env"), overwrite=True)

settings.configure(
    SECRET_KEY="made-up-for-a-test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": environ.Env().db("DATABASE_URL")},
)


def sell(request):
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO item (name) VALUES ('x') RETURNING session_user")
            return JsonResponse({"user": cursor.fetchone()[0]})
    except Exception as error:
        return JsonResponse({"error": str(error)}, status=500)


def health(request):
    return JsonResponse({"generation": os.environ["APP_GENERATION"]})


urlpatterns = [path("", sell), path("health/", health)]
application = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
