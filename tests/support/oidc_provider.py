"""A real OpenID Connect provider on loopback: django-oauth-toolkit, in threads of the test's process."""

import functools
import os
import pathlib
import socketserver
import threading
import wsgiref.simple_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

CLIENT = "martlet"
SECRET = "a client's secret: with/odd+signs%"
PASSWORD = "correct horse battery"

LOGIN_PAGE = """<form method="post">{% csrf_token %}{{ form }}<input type="hidden" name="next" value="{{ next }}"><button>Enter</button></form>"""


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Provider:
    """One a process, since Django's settings are."""

    def __init__(self, folder):
        self.server = wsgiref.simple_server.make_server("127.0.0.1", 0, None, server_class=Server, handler_class=Quiet)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.issuer = self.root + "/o"
        settings.configure(
            DEBUG=False, SECRET_KEY="tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
            LOGIN_URL="/accounts/login/", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                            "django.contrib.messages", "oauth2_provider"],
            MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                        "django.middleware.csrf.CsrfViewMiddleware",
                        "django.contrib.auth.middleware.AuthenticationMiddleware",
                        "django.contrib.messages.middleware.MessageMiddleware"],
            TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN_PAGE})],
                "context_processors": ["django.template.context_processors.request"]}}],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 30},
                                   "NAME": str(pathlib.Path(folder) / "provider.db")}},
            OAUTH2_PROVIDER={
                "OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": new_key(), "OIDC_ISS_ENDPOINT": self.issuer,
                "PKCE_REQUIRED": True, "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
                "SCOPES": {"openid": "", "profile": "", "email": ""},
                "OIDC_RP_INITIATED_LOGOUT_ENABLED": True, "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
                "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True, "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
                "ALWAYS_RELOAD_OAUTHLIB_CORE": True,
            })
        # Tests of the page run in the event loop of their browser, where Django would refuse to touch its database.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        django.setup()
        from django.core.management import call_command
        from django.core.wsgi import get_wsgi_application

        call_command("migrate", verbosity=0)
        self.server.set_app(get_wsgi_application())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def options(self):
        from oauth2_provider.settings import oauth2_settings

        return oauth2_settings

    def register(self, gateway):
        """Makes a gateway known, as an administrator of the provider does."""
        from oauth2_provider.models import Application

        Application.objects.update_or_create(client_id=CLIENT, defaults={
            "client_secret": SECRET, "client_type": "confidential", "authorization_grant_type": "authorization-code",
            "redirect_uris": f"{gateway}/login/oidc/callback", "post_logout_redirect_uris": f"{gateway}/login",
            "algorithm": "RS256", "skip_authorization": True, "name": "Martlet"})

    def add(self, user, groups=(), email=None, is_verified=True):
        from django.contrib.auth.models import Group, User

        made = User.objects.create_user(user, email=user if email is None else email, password=PASSWORD,
                                        is_staff=is_verified)
        made.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
        return made

    def set_groups(self, user, groups):
        from django.contrib.auth.models import Group, User

        User.objects.get(username=user).groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])

    def forget(self, user):
        """Ends what the provider has given out for a user."""
        from oauth2_provider.models import AccessToken, RefreshToken

        RefreshToken.objects.filter(user__username=user).delete()
        AccessToken.objects.filter(user__username=user).delete()

    def rotate_keys(self):
        self.options.OIDC_RSA_PRIVATE_KEY = new_key()


def __getattr__(name):
    """What Django asks for by name once it is set up; none of it can be imported before."""
    if name == "urlpatterns":
        from django.contrib.auth.views import LoginView
        from django.urls import include, path

        return [path("accounts/login/", LoginView.as_view()), path("o/", include("oauth2_provider.urls"))]
    if name == "Validator":
        return validator()
    raise AttributeError(name)


@functools.cache
def validator():
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):
        """Tells the claims that a company's provider would."""

        oidc_claim_scope = None

        def get_additional_claims(self, request):
            claims = {"groups": list(request.user.groups.values_list("name", flat=True).order_by("name"))}
            if request.user.email:
                claims |= {"email": request.user.email, "email_verified": request.user.is_staff}
            return claims

    return Validator
