"""Room: subscriptions: matches the log against them, keeps what is to be sent, and sends it at least once.

Owns: subscription, subscription_revision, subscription_state, subscription_held, outbox, dead_letter, delivery_attempt
Says: delivery.{tenant}: something was matched, sent or changed, look again
Hears: log.{tenant}, delivery.{tenant}
Door: door, explain
"""
