"""`create_app`: the only wiring. Makes every part from the settings and starts nothing."""

import time
from dataclasses import replace

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.api_keys import ApiKeys
from llmwrap.auth.audit import Trail
from llmwrap.auth.authenticators import CredentialSources, Identifier
from llmwrap.auth.basic import PasswordChecker, decoy_hash
from llmwrap.auth.guard import register_guard
from llmwrap.auth.jwks import fetcher
from llmwrap.auth.jwt_tokens import SessionTokens
from llmwrap.auth.last_use import LastUse
from llmwrap.auth.limits import Limiting, make_limiting, register_limits
from llmwrap.auth.oidc import OidcTokens
from llmwrap.auth.pepper import Pepper
from llmwrap.auth.signing_key import load_signing_key
from llmwrap.auth.throttle import LoginThrottle
from llmwrap.auth.upkeep import Upkeep
from llmwrap.demo import DemoUpstream, demo_pools
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Model
from llmwrap.gateway import Gateway
from llmwrap.logs import configure
from llmwrap.routing import Router
from llmwrap.settings import usable_pools
from llmwrap.settings.values import Settings
from llmwrap.sinks.access_log import access_log
from llmwrap.storage.engine import Database, open_database
from llmwrap.storage.reach import Reach
from llmwrap.upstreams.catalog import Catalog, Fetch
from llmwrap.upstreams.client import UpstreamClient
from llmwrap.upstreams.drained import DrainWatch
from llmwrap.upstreams.listing import lister
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream
from llmwrap.web.accounts import PREFIXES, accounts_blueprint
from llmwrap.web.application import Application
from llmwrap.web.auths import auths_blueprint
from llmwrap.web.cors import register_cors
from llmwrap.web.endpoints import Endpoints
from llmwrap.web.errors import register_errors
from llmwrap.web.health import health_blueprint
from llmwrap.web.intake import register_intake
from llmwrap.web.keys import keys_blueprint
from llmwrap.web.ollama import ollama_blueprint
from llmwrap.web.paths import key_apart, one_spelling
from llmwrap.web.services import SERVICES, blueprint_for


def create_app(settings: Settings) -> Flask:
    """The application; its parts are in `app.extensions["llmwrap"]` (a Gateway)."""
    configure(settings.log)
    database = open_database(settings)
    limiting = make_limiting(settings)
    sources = credential_sources(settings, database, limiting.throttle)
    gateway = create_gateway(settings, database, sources, limiting)
    app = Application("llmwrap", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.extensions["llmwrap"] = gateway
    register_intake(app, gateway)
    register_cors(app, settings)
    register_guard(app, gateway.identifier, settings)
    register_limits(app, limiting.quotas)
    register_errors(app, settings)
    app.register_blueprint(health_blueprint(gateway))
    app.register_blueprint(auths_blueprint(sources))
    for prefix in PREFIXES:
        app.register_blueprint(accounts_blueprint(sources, prefix))
        app.register_blueprint(keys_blueprint(sources, prefix))
    app.register_blueprint(ollama_blueprint(gateway))
    for service in SERVICES:
        for prefix in service.prefixes:
            endpoints = Endpoints(gateway, service, prefix)
            app.register_blueprint(blueprint_for(service, prefix, endpoints.view_of))
    if settings.server.trusted_proxies:
        count = settings.server.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=0
        )
    app.wsgi_app = one_spelling(key_apart(app.wsgi_app))  # type: ignore[method-assign,assignment]
    return app


def credential_sources(
    settings: Settings, database: Database, throttle: LoginThrottle
) -> CredentialSources:
    """What authenticators are made of; reads (or makes) the signing key."""
    auth = settings.auth
    signing_key = load_signing_key(settings.data_dir)
    reach, pepper = Reach(database), Pepper(signing_key)
    accounts, last_use = Accounts(settings, reach), LastUse(reach)
    jwks = auth.oidc.jwks_url
    return CredentialSources(
        settings=settings,
        accounts=accounts,
        passwords=PasswordChecker(
            decoy_hash(accounts.predefined.password_hashes), throttle=throttle
        ),
        tokens=SessionTokens(signing_key, auth.token_ttl_s, auth.guest.token_ttl_s),
        pepper=pepper,
        api_keys=ApiKeys(accounts, pepper, last_use, auth.api_key),
        last_use=last_use,
        trail=Trail(reach),
        throttle=throttle,
        oidc=OidcTokens(auth.oidc, fetcher(jwks)) if jwks else None,
    )


def _checked(fetch: Fetch, pools: tuple[Pool, ...]) -> Fetch:
    """`fetch`, whose success is also the active check of an ejected upstream."""
    pool_of = {upstream: pool for pool in pools for upstream in pool.upstreams}

    def fetch_and_tell(upstream: Upstream) -> tuple[Model, ...]:
        models = fetch(upstream)
        pool_of[upstream].passed_check(upstream, time.monotonic())
        return models

    return fetch_and_tell


def create_gateway(
    settings: Settings,
    database: Database,
    sources: CredentialSources,
    limiting: Limiting,
) -> Gateway:
    """The live parts; with no pool configured, a demo upstream that says what it is."""
    pools = usable_pools(settings)
    demo = None if settings.pools else DemoUpstream()
    if demo:
        pools = demo_pools(demo.url)
    live = tuple(
        Pool(
            pool,
            tuple(
                Upstream(upstream, DIALECTS[upstream.dialect], pool.models)
                for upstream in pool.upstreams
            ),
        )
        for pool in pools
    )
    upstreams = tuple(upstream for pool in live for upstream in pool.upstreams)
    threads = settings.server.threads
    client = UpstreamClient(settings.timeouts, threads)
    control = UpstreamClient(
        replace(settings.timeouts, first_byte_s=5, idle_s=5, total_s=10), 1
    )
    catalog = Catalog(upstreams, _checked(lister(control), live))
    return Gateway(
        settings=settings,
        router=Router(live, catalog),
        catalog=catalog,
        client=client,
        database=database,
        sources=sources,
        identifier=Identifier(sources),
        upkeep=Upkeep(sources, limiting.quotas.flush),
        limiting=limiting,
        sinks=(access_log, limiting.quotas.settle),
        clock=time.monotonic,
        drain=DrainWatch(settings.data_dir, live),
        demo=demo,
    )
