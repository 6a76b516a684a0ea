"""Room: decides who may do what, and which rows and attributes they may see; keeps the policies, roles and agreements.

Owns: access_revision, access_member, access_policy, access_agreement, access_emergency, access_place
Says: screens.{tenant}: members, policies, agreements or an emergency changed, look again
Hears: nothing
Door: audit, audit_pages, compile, days, decide, door, explain, grants, members, models, places, published, records,
    rows, screens, titles, words
"""
