from django.contrib.auth import authenticate, get_user_model, hashers, password_validation
from django.core.exceptions import FieldError, ValidationError
from django.db import router, transaction
from django.http import HttpRequest

Users = get_user_model()


def find():
    try:
        return Users._default_manager.get_by_natural_key(asked["user"])
    except Users.DoesNotExist:
        pass
    try:
        field = Users.get_email_field_name()
        found = list(Users._default_manager.filter(**{field: asked["user"]})[:2])
    except FieldError:
        return None
    return found[0] if len(found) == 1 else None


def fits(name, user):
    # Not the user's own check_password, which may store a new hash; and no counter of failed logins hears of it.
    return name in asked and hashers.check_password(asked[name], user.password)


def objections(user):
    try:
        password_validation.validate_password(asked["to"], user)
    except ValidationError as error:
        return [one.code or "invalid" for one in error.error_list]
    return []


def replace(user):
    database = router.db_for_write(Users)
    with transaction.atomic(using=database):
        user = Users._default_manager.using(database).select_for_update().get(pk=user.pk)
        if fits("to", user):
            return "already"
        if not fits("from", user):
            return "changed"
        user.set_password(asked["to"])
        user.save(using=database, update_fields=["password"])
    return "set"


def enter(name, user):
    request = HttpRequest()
    request.META.update(REMOTE_ADDR="127.0.0.1", SERVER_NAME="localhost", SERVER_PORT="80")
    found = authenticate(request, username=user.get_username(), password=asked[name])
    return found is not None and found.pk == user.pk


user = find()
if user is None:
    answer(found=False)
elif asked["task"] == "look":
    answer(
        found=True,
        name=user.get_username(),
        active=user.is_active,
        usable=user.has_usable_password(),
        current=fits("current", user),
        pending=fits("pending", user),
        wrong=fits("wrong", user),
        objections=objections(user) if "to" in asked else [],
    )
elif asked["task"] == "set":
    # What is set already is not looked at once more: a validator may refuse to have it twice.
    refused = objections(user) if asked.get("validate") and not fits("to", user) else []
    answer(found=True, objections=refused, done="refused" if refused else replace(user))
elif asked["task"] == "enter":
    right = enter("right", user)
    # One failed login at most, and none where the right password fails: an application may count them.
    answer(found=True, right=right, wrong=enter("wrong", user) if right else None)
