"""Room: log-in through providers outside, such as a town's Keycloak, Entra ID or デジタル認証アプリ, and whose it is.

Owns: outside_provider, outside_key, outside_identity, outside_login, outside_once, outside_names
Says: nothing
Hears: nothing
Door: door, providers, api, models
"""
