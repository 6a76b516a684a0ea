"""Room: who the people are: accounts, passwords, passkeys, codes, and their log-ins.

Owns: account, account_passkey, account_recovery, account_login, account_link, account_pending, account_try
Says: nothing
Hears: nothing
Door: door, models, seal
"""
