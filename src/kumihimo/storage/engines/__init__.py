"""The engines behind the database port; nobody outside `storage` asks which one runs."""
