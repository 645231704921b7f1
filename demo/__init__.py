"""A demonstration on private sample servers; it is no part of the installed package."""
