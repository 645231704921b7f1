"""What each engine brings to the contract: how a world is made, and what is then expected.

The tests of the contract (`test_accounts.py`, …) say what all engines promise; a module here says
it in the words of one engine. What an engine can't have is a `Gap`, with the statement that
shows it.
"""
