"""Run by manage.py shell: the users, with the passwords of standard input."""

import sys

from django.contrib.auth import get_user_model

# Carol never signs in: a link to reset a password ends when its user does.
for name in ("alice", "bob", "carol"):
    user = get_user_model()(username=name, email=f"{name}@example.com", is_staff=True, is_superuser=True)
    user.set_password(sys.stdin.readline().rstrip("\n"))
    user.save()
