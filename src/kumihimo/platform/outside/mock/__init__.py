"""A mock of an OpenID Connect provider, for demonstrations and tests: it knows invented people alone, and lets anybody
be any of them. It asks for the same parameters as デジタル認証アプリ and refuses what that refuses, or is shaped as
Keycloak or Entra ID are.
"""
