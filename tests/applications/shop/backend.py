"""Who may come in. Counts failures, as those do that lock a user out after some."""

from django.conf import settings
from django.contrib.auth.backends import ModelBackend


class Counting(ModelBackend):
    def authenticate(self, request, username=None, password=None, **kwargs):
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            with open(settings.HOME / "failures", "a") as file:
                file.write("one\n")
        return user
