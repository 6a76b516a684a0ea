"""Floor: レイヤー縦断, one wing per reference model (参照モデル)."""
