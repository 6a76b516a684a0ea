"""Floor: サービス(データ流通)層, what people use."""
