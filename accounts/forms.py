"""What shoppers fill in."""

import uuid as uuids
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password

from accounts.cart import MAX_QUANTITY
from accounts.models import User

USERNAME_LENGTH = 150
"""Django's user names are no longer, and a shopper's is their e-mail address."""


REQUIRED = {"required": "Please fill this in."}


class SignUpForm(forms.Form):
    name = forms.CharField(
        error_messages=REQUIRED, max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        error_messages=REQUIRED,
        label="E-mail address",
        max_length=USERNAME_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        error_messages=REQUIRED,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, and not one of the common ones.",
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists() or User.objects.filter(username=email).exists():
            raise forms.ValidationError("There is an account with this address already: sign in instead.")
        return email

    def clean(self) -> dict[str, Any]:
        """The password is judged last, since it must not resemble the name or the address."""
        password = self.cleaned_data.get("password")
        if password:
            person = User(
                email=self.cleaned_data.get("email", ""), first_name=self.cleaned_data.get("name", "")
            )
            try:
                validate_password(password, person)
            except forms.ValidationError as failure:
                self.add_error("password", failure)
        return self.cleaned_data

    def create_user(self) -> User:
        """Raises IntegrityError if somebody has just taken the same address."""
        email = self.cleaned_data["email"]
        return User.objects.create_user(
            username=email,
            email=email,
            password=self.cleaned_data["password"],
            first_name=self.cleaned_data["name"],
        )


class SignInForm(AuthenticationForm):
    """By e-mail address; staff whose user name is another one may use that too."""

    error_messages = {
        "invalid_login": "This address and password do not belong together. Please try again.",
        "inactive": "This account is closed.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail address"
        self.fields["username"].widget.attrs["autocomplete"] = "username"
        self.fields["username"].widget.attrs.pop("autofocus", None)

    def clean_username(self) -> str:
        given: str = self.cleaned_data["username"].strip()
        person = User.objects.filter(email__iexact=given).first() if "@" in given else None
        return person.username if person else given


class CheckoutForm(forms.Form):
    """``token`` and ``total`` are not the shopper's to fill in: which form this is, and what it showed."""

    name = forms.CharField(
        error_messages=REQUIRED, max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    address = forms.CharField(
        error_messages=REQUIRED,
        max_length=500,
        label="Delivery address",
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "street-address"}),
        help_text="Street, town, postcode and country.",
    )
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuids.uuid4)
    total = forms.DecimalField(max_digits=12, decimal_places=2, widget=forms.HiddenInput)


class CartLineForm(forms.Form):
    """A product and how many; ``recommendation`` names the feed that it was found in."""

    product = forms.CharField(max_length=64)
    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY, required=False)
    recommendation = forms.UUIDField(required=False)


class OpinionForm(forms.Form):
    """``opinion``: like, hide or none, a colon, and the product's code; a button sends one value only."""

    opinion = forms.RegexField(r"\A(like|hide|none):.+\Z", max_length=70)
    recommendation = forms.UUIDField(required=False)

    @property
    def word(self) -> str:
        return str(self.cleaned_data["opinion"]).partition(":")[0]

    @property
    def code(self) -> str:
        return str(self.cleaned_data["opinion"]).partition(":")[2]
