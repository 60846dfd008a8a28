"""Sign-up, sign-in and sign-out. What an anonymous shopper did becomes the person's."""

from django.contrib import messages
from django.contrib.auth import login, logout
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import SignInForm, SignUpForm
from accounts.identity import adopt_anonymous_history, forget, shopper_for, shopper_of
from accounts.models import User
from accounts.views.answers import never_stored, next_page

PASSWORDS = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password")
@never_stored
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    target = next_page(request, otherwise="recs:home")
    if request.user.is_authenticated:
        return redirect(target)
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                user = form.create_user()
        except IntegrityError:
            form.add_error("email", "There is an account with this address already: sign in instead.")
        else:
            messages.success(request, f"Welcome, {user.first_name}.")
            return _enter(request, user, target)
    return render(request, "accounts/sign_up.html", {"form": form, "next": target})


@sensitive_post_parameters("password")
@never_stored
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    target = next_page(request, otherwise="recs:home")
    if request.user.is_authenticated:
        return redirect(target)
    form = SignInForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = form.get_user()
        assert isinstance(user, User)
        return _enter(request, user, target)
    return render(request, "accounts/sign_in.html", {"form": form, "next": target})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    messages.success(request, "You are signed out.")
    response = redirect("recs:home")
    forget(response)
    return response


def _enter(request: HttpRequest, user: User, target: str) -> HttpResponse:
    anonymous = shopper_for(request)
    login(request, user, backend=getattr(user, "backend", PASSWORDS))
    if anonymous:
        adopt_anonymous_history(anonymous=anonymous, shopper=shopper_of(user))
    response = redirect(target)
    forget(response)
    return response
