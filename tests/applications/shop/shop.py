"""The pages: what somebody who is signed in sees, and what the secret key has signed."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import authenticate, get_user_model, login
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

application = get_wsgi_application()


def health(request):
    return JsonResponse({"generation": settings.GENERATION})


@csrf_exempt
def sign_in(request):
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return HttpResponse("nobody", status=401)
    login(request, user)
    return HttpResponse(user.get_username())


def who(request):
    if not request.user.is_authenticated:
        return HttpResponse("nobody", status=401)
    return HttpResponse(request.user.get_username())


def token(request):
    user = get_user_model().objects.get_by_natural_key("carol")
    given = request.GET.get("given")
    if given is None:
        return HttpResponse(default_token_generator.make_token(user))
    return HttpResponse(status=200 if default_token_generator.check_token(user, given) else 410)


def signed(request):
    given = request.GET.get("given")
    if given is None:
        return HttpResponse(signing.dumps({"cart": 7}))
    try:
        return HttpResponse(str(signing.loads(given)["cart"]))
    except signing.BadSignature:
        return HttpResponse("bad signature", status=410)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/", health),
    path("sign-in/", sign_in),
    path("who/", who),
    path("token/", token),
    path("signed/", signed),
]
