"""Room: our own OpenID Connect provider, and the applications that get tokens of it.

Owns: provider_key, provider_secret, application, application_act, application_redirect, application_secret,
    provider_code, provider_family, provider_refresh, provider_assertion, provider_consent, provider_revision,
    provider_revocation
Says: nothing
Hears: nothing
Door: door, models, api, screens
"""
