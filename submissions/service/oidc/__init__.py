"""Sign-in at an OpenID Connect provider; an extra of its own, `oidc`."""
