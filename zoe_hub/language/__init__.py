"""The language of definitions: expressions in ``{{ }}``, their filters, amounts with units."""
