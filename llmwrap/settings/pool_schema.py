"""The shape of `[[pools]]` and of the upstreams in them."""

from llmwrap.settings import accepted, values
from llmwrap.settings.accepted import Flag, FreeTable, Text, Texts, choice, whole
from llmwrap.settings.section import Section, tables


class UpstreamSchema(Section):
    """One of `[[pools.upstreams]]`."""

    makes = values.UpstreamSettings
    name = accepted.name()
    url = accepted.base_url(required=True)
    dialect = choice(values.UpstreamSettings, "dialect")
    api_key = accepted.key()
    max_in_flight = whole(0)
    models = Texts()
    engine = choice(values.UpstreamSettings, "engine")
    embed_batch = whole(1)
    keep_alive = accepted.go_duration()


class PoolSchema(Section):
    """One of `[[pools]]`."""

    makes = values.PoolSettings
    name = accepted.name()
    kind = choice(values.PoolSettings, "kind", required=True)
    models = Texts(least=1)
    upstreams = tables(UpstreamSchema, name="[[pools.upstreams]]", least=1)
    policy = choice(values.PoolSettings, "policy")
    owned_by = Text()
    default_model = Text()
    aliases = FreeTable(Text("the name of a model", bool))
    inject_defaults = Flag()
    rescue = choice(values.PoolSettings, "rescue")
    context_length = whole(0)
    capabilities = Texts(among=values.CAPABILITIES)
    fill_in_middle = accepted.fill_in_middle()
    think_tags = Flag()
