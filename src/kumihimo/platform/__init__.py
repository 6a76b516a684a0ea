"""Floor: プラットフォーム層, what every service stands on."""
