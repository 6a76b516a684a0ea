"""Floor: ネットワーク層, carriers that know no entity."""
