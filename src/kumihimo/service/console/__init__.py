"""Room: the shell in which every room's pages stand, and the developer's pages on entities and subscriptions.

Owns: webhook, webhook_message
Says: screens.{tenant}: the webhook page has something new
Hears: log.{tenant}, screens.{tenant}
Door: shell, live, values, words, doors, screens, webhook, store
"""
