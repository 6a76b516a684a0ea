"""Room: folders and addresses outside that are looked at on a schedule, and what was found there taken in.

Owns: source, source_content
Says: nothing
Hears: nothing
Door: door, models, screens, take
"""
