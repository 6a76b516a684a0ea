"""Room: words and ports that every floor shares; pure values, no files, no sockets, no real clock.

Owns: nothing
Says: nothing
Hears: nothing
Door: call, cells, clock, errors, events, ids, jsontext, ports, problems, rates, screens, settings, texts, times,
      tomltext
"""
