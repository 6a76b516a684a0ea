"""Room: rules: when something changes, is missing or is due, something is done; traced, and tried on the past.

Owns: rule_set, rule_set_version, rule_memory, rule_cost, rule_firing, rule_action, rule_task
Says: screens.{tenant}: a rule fired, or a rule set or a task changed
Hears: log.{tenant}
Door: door, definition, models, screens
"""
