"""Sign-in at an OpenID Connect provider, for people whose account is connected to it.

A person signs in by password once and then connects: no account is found by its e-mail address,
which a provider may not have checked. An unknown identity is told to ask for an account.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import httpx
from authlib.integrations.base_client.errors import MismatchingStateError, OAuthError
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2.base import OAuth2Error
from fastapi import APIRouter, Request, Response
from joserfc.errors import JoseError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from submissions.service import sessions
from submissions.service.principal import Principal, signed_in_or_none
from submissions.service.problems import Problem
from submissions.service.rates import RateLimits, peer_key
from submissions.service.settings import Provider, ServiceSettings, SettingsError

PLACE = "/team/sign-in/provider"
BACK = f"{PLACE}/back"
COOKIE = "__Host-sequestra-login"
ASYMMETRIC = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    }
)
_MINUTES = 10
_MOST_ATTEMPTS = 2000
_SECONDS = 10.0

router = APIRouter(include_in_schema=False)


@dataclass(slots=True)
class _Attempt:
    """One sign-in under way: what Authlib keeps, and who was signed in at its begin."""

    began: float
    person_id: str | None
    kept: dict[str, Any] = field(default_factory=dict)


class SignIns:
    """The provider of a service, and the sign-ins that are under way in this process."""

    def __init__(self, provider: Provider) -> None:
        """Prepare; the provider is asked at the first sign-in."""
        self._provider = provider
        self._attempts: OrderedDict[str, _Attempt] = OrderedDict()
        self._client: Any = None

    async def client(self) -> Any:
        """Authlib's client, with the provider's metadata read and narrowed.

        Raises SettingsError where the provider is another one or offers no asymmetric signature.
        """
        if self._client is None:
            client: Any = OAuth().register(
                "provider",
                client_id=self._provider.client_id,
                client_secret=self._provider.client_secret,
                server_metadata_url=(
                    f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration"
                ),
                client_kwargs={
                    "scope": "openid email profile",
                    "code_challenge_method": "S256",
                    "timeout": _SECONDS,
                },
            )
            _narrow(await client.load_server_metadata(), self._provider)
            self._client = client
        return self._client

    def begin(self, person_id: str | None) -> tuple[str, dict[str, Any]]:
        """A new attempt: its id for the cookie, and what Authlib may keep in it."""
        while self._attempts and (
            len(self._attempts) >= _MOST_ATTEMPTS
            or next(iter(self._attempts.values())).began < time.monotonic() - 60 * _MINUTES
        ):
            self._attempts.popitem(last=False)
        attempt = _Attempt(time.monotonic(), person_id)
        name = secrets.token_urlsafe(32)
        self._attempts[name] = attempt
        return name, attempt.kept

    def end(self, name: str) -> _Attempt | None:
        """Take an attempt back, once; None where there is none of this id."""
        attempt = self._attempts.pop(name, None)
        if attempt is None or attempt.began < time.monotonic() - 60 * _MINUTES:
            return None
        return attempt

    def claims(self) -> dict[str, dict[str, Any]]:
        """What the ID token must say; of the audience Authlib asks only that there is one."""
        return {
            "iss": {"essential": True, "value": self._provider.issuer},
            "aud": {"essential": True, "value": self._provider.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }

    @property
    def issuer(self) -> str:
        """The provider's name for itself."""
        return self._provider.issuer


@router.get(PLACE)
async def begin(request: Request) -> Response:
    """Send the browser to the provider."""
    limits: RateLimits = request.app.state.limits
    peer = peer_key(request.client.host if request.client else None)
    limits.hit((limits.rates.sign_in_peer, f"sign-in of {peer}"))
    settings: ServiceSettings = request.app.state.settings
    sign_ins: SignIns = request.app.state.sign_ins
    principal = await run_in_threadpool(signed_in_or_none, request)
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        principal = None  # a link elsewhere signs in, but connects nobody's account
    name, kept = sign_ins.begin(None if principal is None else principal.person_id)
    request.scope["session"] = kept
    try:
        client = await sign_ins.client()
        answer: Response = await client.authorize_redirect(request, f"{settings.base_url}{BACK}")
    except (OAuthError, httpx.HTTPError, ValueError, KeyError) as error:
        raise _silent() from error
    answer.set_cookie(
        COOKIE, name, max_age=60 * _MINUTES, secure=True, httponly=True, samesite="lax"
    )
    return answer


@router.get(BACK)
async def back(request: Request) -> Response:
    """Take the browser back from the provider: sign in, or connect the account to it."""
    sign_ins: SignIns = request.app.state.sign_ins
    attempt = sign_ins.end(request.cookies.get(COOKIE, ""))
    if attempt is None:
        raise _refused("This sign-in was not begun in this browser, or more than 10 minutes ago")
    request.scope["session"] = attempt.kept
    try:
        client = await sign_ins.client()
        token = await client.authorize_access_token(request, claims_options=sign_ins.claims())
    except MismatchingStateError:
        return RedirectResponse(PLACE, 303)  # two tabs: the later one counts
    except httpx.HTTPError as error:
        raise _silent() from error
    except (OAuthError, OAuth2Error, JoseError, ValueError, KeyError) as error:
        raise _refused("The provider refused, or its answer is not valid") from error
    identity = token.get("userinfo")
    if not identity or "id_token" not in token:
        raise _refused("The provider sent no ID token")
    principal = await run_in_threadpool(signed_in_or_none, request)
    person_id = await run_in_threadpool(_person, request, attempt, principal, str(identity["sub"]))
    settings: ServiceSettings = request.app.state.settings
    answer = RedirectResponse(settings.home, 303)
    await run_in_threadpool(sessions.give, answer, request.app.state.store, person_id, settings)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def _person(request: Request, attempt: _Attempt, principal: Principal | None, subject: str) -> str:
    """The person of an identity; the one who is signed in is connected to it."""
    people = request.app.state.store.people
    issuer = request.app.state.sign_ins.issuer
    known: str | None = people.with_identity(issuer, subject)
    if principal is not None and principal.person_id == attempt.person_id:
        if known not in (None, principal.person_id):
            raise Problem(
                409,
                "Identity is taken",
                "This identity of the provider belongs to another account; sign out, then sign in "
                "with the provider.",
                type="identity-taken",
            )
        if known is None:
            people.connect(principal.person_id, issuer, subject)
        return principal.person_id
    if known is None:
        raise Problem(
            403,
            "No account",
            "No approved account is connected to this identity; ask for an account, sign in by "
            "password once it is approved, and then connect the provider.",
            type="no-account",
        )
    return known


def _narrow(metadata: dict[str, Any], provider: Provider) -> None:
    """Let asymmetric signatures through alone, whatever else the provider can do."""
    if metadata.get("issuer") != provider.issuer:
        raise SettingsError(
            f"the provider calls itself {metadata.get('issuer')!r}, and the settings say "
            f"{provider.issuer!r}; set SEQUESTRA_OIDC_ISSUER to the provider's own name"
        )
    listed = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    usable = [name for name in listed if name in ASYMMETRIC]
    if not usable:
        raise SettingsError(
            f"the provider signs by {', '.join(map(str, listed))} alone; it must offer one of "
            f"{', '.join(sorted(ASYMMETRIC))}"
        )
    metadata["id_token_signing_alg_values_supported"] = usable


def _refused(reason: str) -> Problem:
    return Problem(
        403, "Not signed in", f"{reason}; begin the sign-in again.", type="sign-in-refused"
    )


def _silent() -> Problem:
    return Problem(
        503,
        "Provider does not answer",
        "The provider of the sign-in does not answer as it should; sign in by password, or try "
        "again later.",
        type="provider-silent",
        headers={"Retry-After": "60"},
    )
