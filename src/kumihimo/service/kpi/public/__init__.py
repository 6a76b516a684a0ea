"""What a town shows everybody of its key figures and measures, by choice: nothing where nobody chose it."""
