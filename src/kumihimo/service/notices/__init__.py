"""Room: notices to people by area: who wants to hear of what, and its way to them by e-mail and web push.

Owns: notice_recipient, notice_list, notice_stopped, notice_told, notice_outbox, notice_key
Says: nothing
Hears: nothing
Door: models, door, handed, pages, screens, api
"""
