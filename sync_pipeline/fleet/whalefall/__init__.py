"""A WhaleFall store as it is read: its tables, and what each row of them is here."""
