"""Random instances, as the registry takes them."""

from __future__ import annotations

from hypothesis import strategies as st

from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions


def phrases(excluded: str = "") -> st.SearchStrategy[str]:
    """Words of every script and sign, with single spaces between them."""
    shown = st.characters(exclude_categories=["C", "Z"], exclude_characters=excluded)
    words = st.text(shown, min_size=1, max_size=10)
    return st.lists(words, min_size=1, max_size=3).map(" ".join)


printable = phrases()
names = st.characters(exclude_categories=["C", "Z"], exclude_characters="[]/@,;:")
hosts = st.text(names, min_size=1, max_size=20) | st.ip_addresses().map(str)
lines = st.lists(printable, min_size=1, max_size=3).map("\n\t".join)
tags = phrases(excluded=";")
seconds = st.floats(0.001, 86_400, allow_nan=False)
instances = st.builds(
    Instance,
    id=st.just(0),
    name=printable,
    engine=st.sampled_from(EngineName),
    host=hosts,
    port=st.integers(1, 65535),
    credential=printable,
    database=st.none() | printable,
    tls=st.builds(TlsOptions, st.sampled_from(TlsMode), *[st.none() | printable] * 3),
    timeouts=st.builds(Timeouts, seconds, seconds, seconds),
    tags=st.lists(tags, unique=True, max_size=3).map(lambda found: tuple(sorted(found))),
    environment=st.none() | printable,
    description=st.none() | lines,
    is_active=st.booleans(),
)
fleets = st.lists(instances, unique_by=lambda item: item.name, max_size=5)
