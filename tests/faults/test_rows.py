"""The fault table: which test covers each of its rows, or which feature a row waits for.

The rows are those of the reliability contract; where a row has several sides, each has its test.
"""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

ANSWERS = "faults/test_broken_answers.py"
HEALTH = "faults/test_upstream_health.py"
UNREACHABLE = "faults/test_unreachable.py"
LEAVING = "faults/test_leaving.py"
MANY = "faults/test_many_leave.py"
SLOW = "faults/test_slow_readers.py"
FULL = "faults/test_full_worker.py"
LOG = "faults/test_log_and_secrets.py"
FAULTS = "web/test_upstream_faults.py"
ERRORS = "web/test_upstream_errors.py"
TIMEOUTS = "web/test_upstream_timeouts.py"
CUTS = "web/test_upstream_cuts.py"
STREAM = "web/test_chat_stream.py"
LIMITS = "web/test_body_limits.py"
PATHS = "web/test_paths.py"
MODELS = "web/test_model_names.py"
GOLDEN = "dialects/test_golden_streams.py"
JSON = "web/test_bad_json.py"
BASIC = "auth/test_basic.py"
DEADLINES = "server/test_deadlines.py"
RELOAD = "server/test_reload.py"
NAMES = "server/test_names.py"
CREDENTIALS = "web/test_credentials.py"

NEVER_REACHED = (
    f"{UNREACHABLE}::test_upstream_that_cannot_be_reached_is_passed_over",
    f"{FAULTS}::test_unreachable_upstreams_are_told_as_such",
)

UPSTREAM: Mapping[int, tuple[str, ...]] = {
    1: (
        *NEVER_REACHED,
        f"{UNREACHABLE}::test_dead_upstream_beside_a_good_one_costs_no_client_anything",
        f"{HEALTH}::test_when_every_upstream_rests_the_answer_is_503_at_once",
    ),
    2: (
        *NEVER_REACHED,
        f"{NAMES}::test_address_that_never_accepts_leaves_time_for_the_next",
    ),
    3: (
        *NEVER_REACHED,
        f"{UNREACHABLE}::test_upstream_may_have_a_name",
        f"{NAMES}::test_last_address_serves_while_the_name_is_gone_and_while_it_hangs",
        f"{NAMES}::test_name_that_leads_elsewhere_is_followed",
        f"{NAMES}::test_hanging_lookup_holds_nobody_else_up",
        "server/test_resolver.py::test_slow_lookup_is_waited_for_two_seconds",
        "server/test_resolver.py::test_last_addresses_stand_in_for_a_minute",
    ),
    4: (
        f"{UNREACHABLE}::test_bad_certificate_is_never_accepted",
        f"{UNREACHABLE}::test_certificate_of_a_trusted_authority_is_accepted",
        f"{UNREACHABLE}::test_old_tls_fails_for_its_version",
    ),
    5: (
        f"{FAULTS}::test_another_upstream_serves_what_one_failed_to_begin",
        f"{FAULTS}::test_failure_of_the_only_upstream_is_502",
        f"{HEALTH}::test_request_that_broke_two_upstreams_is_not_carried_to_a_third",
    ),
    6: (f"{FAULTS}::test_connection_that_an_upstream_closed_meanwhile_is_not_noticed",),
    7: (f"{TIMEOUTS}::test_silence_before_the_first_byte_is_504_and_not_retried",),
    8: (f"{ANSWERS}::test_dripping_head_is_504",),
    9: (
        f"{TIMEOUTS}::test_silence_in_a_stream_ends_it_with_an_error_event",
        f"{TIMEOUTS}::test_silent_stream_gets_comments_that_disturb_nobody",
        f"{TIMEOUTS}::test_heartbeat_commits_the_status_and_a_timeout_becomes_an_event",
    ),
    10: (
        f"{TIMEOUTS}::test_drip_of_a_stream_ends_at_the_total_deadline",
        f"{TIMEOUTS}::test_drip_of_a_plain_answer_ends_at_the_total_deadline",
    ),
    11: (
        f"{CUTS}::test_stream_that_breaks_ends_with_one_error_and_no_done",
        f"{CUTS}::test_break_is_in_the_log_with_its_outcome",
    ),
    12: (
        f"{STREAM}::test_done_is_added_where_a_finished_answer_lacks_it",
        f"{CUTS}::test_answer_that_ends_with_its_connection_is_whole_once_it_is_finished",
    ),
    13: (f"{CUTS}::test_silent_end_in_the_middle_is_an_error",),
    14: (
        f"{ERRORS}::test_error_as_first_event_has_its_real_status",
        f"{FAULTS}::test_another_upstream_serves_what_one_failed_to_begin",
    ),
    15: (f"{CUTS}::test_stream_that_breaks_ends_with_one_error_and_no_done",),
    16: (
        f"{STREAM}::test_nothing_leaves_after_done",
        f"{ANSWERS}::test_what_follows_done_reaches_nobody",
        f"{ANSWERS}::test_upstream_that_talks_on_after_done_is_cut_off",
    ),
    17: (
        f"{GOLDEN}::test_no_cut_in_two_changes_anything",
        f"{STREAM}::test_frame_in_another_spelling_leaves_in_the_plain_one",
    ),
    18: (f"{GOLDEN}::test_byte_by_byte_is_the_same",),
    19: (f"{CUTS}::test_stream_that_breaks_ends_with_one_error_and_no_done",),
    20: (
        f"{CUTS}::test_stream_that_breaks_ends_with_one_error_and_no_done",
        f"{STREAM}::test_chunk_without_choices_that_is_no_usage_is_passed_on",
    ),
    21: (
        f"{ANSWERS}::test_endless_answer_is_cut_at_a_bound",
        f"{ANSWERS}::test_stream_of_tiny_events_arrives_whole",
        f"{ANSWERS}::test_misframed_answer_is_never_taken_for_a_whole_one",
    ),
    22: (
        f"{ERRORS}::test_busy_upstream_says_when_to_come_again",
        f"{HEALTH}::test_busy_upstream_is_left_alone_while_another_serves",
    ),
    23: (
        f"{ERRORS}::test_model_that_is_being_loaded_is_503",
        f"{HEALTH}::test_busy_upstream_is_left_alone_while_another_serves",
    ),
    24: (f"{ANSWERS}::test_misframed_answer_is_never_taken_for_a_whole_one",),
    25: (
        f"{ANSWERS}::test_misframed_answer_of_one_is_given_by_the_other",
        f"{ANSWERS}::test_doubtful_length_loses_nothing",
    ),
    26: (
        f"{ERRORS}::test_redirect_is_not_followed",
        f"{ERRORS}::test_answer_that_is_none_is_a_protocol_error",
        f"{ANSWERS}::test_continue_before_an_answer_is_skipped",
        f"{ANSWERS}::test_flood_of_interim_answers_is_refused",
    ),
    27: ("web/test_older_documents.py::test_empty_answer_is_422",),
    28: (f"{FAULTS}::test_answer_to_a_half_sent_body_is_told",),
}

CLIENT: Mapping[int, tuple[str, ...]] = {
    29: (
        f"{LEAVING}::test_client_that_leaves_before_the_first_byte_of_a_stream",
        f"{LEAVING}::test_client_that_leaves_a_plain_call",
    ),
    30: (
        f"{LEAVING}::test_client_that_leaves_a_running_stream",
        f"{LEAVING}::test_client_that_leaves_a_silent_stream",
        f"{MANY}::test_clients_that_leave_take_nothing_with_them",
    ),
    31: (
        f"{SLOW}::test_stalled_reader_holds_its_upstream_back_and_nobody_else",
        f"{SLOW}::test_reader_that_pauses_is_not_its_upstreams_silence",
        f"{SLOW}::test_next_request_of_a_reader_that_stalls_waits_for_it",
        f"{SLOW}::test_reader_that_stalls_for_good_is_cut_off",
    ),
    32: (
        f"{LIMITS}::test_body_over_the_limit_is_413",
        f"{LIMITS}::test_chunked_body_over_the_limit_is_413_and_not_cut",
        f"{LIMITS}::test_body_shorter_than_declared_reaches_no_upstream",
    ),
    33: (
        f"{DEADLINES}::test_half_a_head_is_408",
        f"{DEADLINES}::test_body_that_does_not_end_is_408",
        f"{DEADLINES}::test_silent_connection_is_closed_without_a_word",
    ),
    34: (
        f"{LIMITS}::test_doubtful_framing_is_refused",
        "server/test_corpus.py::test_worker_answers_or_closes",
        "server/test_corpus.py::test_nginx_before_it_answers_or_closes",
    ),
    35: (f"{JSON}::test_body_that_is_no_json_object_is_400_everywhere",),
    36: (f"{JSON}::test_json_too_deep_to_be_written_again_is_400",),
    37: (
        f"{JSON}::test_body_that_is_no_json_object_is_400_everywhere",
        f"{JSON}::test_kinds_of_numbers_are_kept",
    ),
    38: (
        f"{JSON}::test_body_that_is_no_json_object_is_400_everywhere",
        f"{JSON}::test_text_is_passed_on_byte_for_byte",
    ),
    39: (f"{JSON}::test_of_duplicate_keys_the_last_counts_and_goes_on_alone",),
    40: (
        "web/test_fields.py::test_field_that_does_not_fit_is_400_and_named",
        "web/test_fields.py::test_name_that_would_redirect_a_request_is_400",
    ),
    41: (
        f"{LIMITS}::test_expect_100_continue_is_answered",
        f"{PATHS}::test_pipelined_requests_are_answered_in_order",
        f"{PATHS}::test_other_methods_are_405",
        f"{PATHS}::test_head_of_a_post_route_is_405_without_a_body",
        f"{PATHS}::test_options_says_what_a_route_allows",
        f"{PATHS}::test_method_cannot_be_overridden_by_a_header",
    ),
}

PROCESS: Mapping[int, tuple[str, ...]] = {
    42: ("server/test_crashes.py::test_stream_of_a_killed_worker_never_ends_cleanly",),
    43: (
        "server/test_stopping.py::test_stream_that_is_too_long_ends_with_one_error",
        "server/test_stopping.py::test_stream_that_is_short_enough_finishes",
    ),
    44: (
        f"{RELOAD}::test_reloads_under_load_are_not_noticed",
        f"{RELOAD}::test_stream_goes_on_at_the_old_worker",
    ),
    45: (
        f"{RELOAD}::test_bad_settings_change_nothing",
        f"{RELOAD}::test_broken_checkout_does_not_end_the_service",
    ),
    46: (f"{FULL}::test_answer_too_many_is_503_while_everything_else_is_served",),
    47: (f"{FULL}::test_worker_is_never_recycled",),
    48: (
        "auth/test_limits_throttle.py::test_500_wrong_passwords_leave_other_users_unharmed",
        f"{BASIC}::test_a_third_check_at_once_is_refused_after_a_wait",
        f"{BASIC}::test_a_good_credential_is_not_hashed_again_for_60_s",
        f"{BASIC}::test_an_empty_or_huge_password_is_refused_unhashed",
    ),
    49: (
        f"{FULL}::"
        "test_worker_that_cannot_open_an_upstream_connection_is_503_and_recovers",
        f"{FULL}::test_worker_that_cannot_accept_stays_and_recovers",
    ),
    50: (
        "server/test_connections.py::test_each_of_two_workers_serves_while_the_other_hangs",
    ),
    53: (
        "auth/test_limits_outage.py::test_without_the_store_each_worker_lets_its_share_through",
    ),
}

SECURITY: Mapping[int, tuple[str, ...]] = {
    59: (
        "auth/test_jwt_tokens.py::test_a_forged_token_is_refused",
        "auth/test_oidc_forged.py::test_a_forged_token_is_refused",
    ),
    60: (
        "auth/test_jwks.py::test_a_thousand_unknown_names_cost_one_fetch_in_30_s",
        "auth/test_oidc_provider.py::test_tokens_stay_good_while_the_provider_is_down",
    ),
    62: (
        "web/test_headers.py::test_request_id_that_is_not_well_formed_is_replaced",
        f"{LOG}::test_request_is_one_line_whatever_is_in_it",
    ),
    63: (
        f"{LOG}::test_request_is_one_line_whatever_is_in_it",
        "test_logs.py::test_every_record_is_one_line",
    ),
    64: (
        f"{LOG}::test_address_of_a_client_is_what_our_own_proxy_says",
        "web/test_open_gateway.py::test_open_gateway_serves_nobody_behind_a_proxy",
        "web/test_limits.py::test_a_stranger_cannot_choose_his_address",
    ),
    66: (f"{MODELS}::test_unknown_model_is_404_on_every_route",),
    67: (
        f"{MODELS}::test_model_of_another_service_looks_unknown",
        f"{MODELS}::test_chat_model_cannot_embed",
        f"{MODELS}::test_embedding_model_cannot_chat",
    ),
    70: (
        f"{BASIC}::test_an_unknown_user_costs_one_hash_like_a_known_one",
        f"{CREDENTIALS}::test_unknown_user_and_wrong_password_look_alike",
    ),
    71: (
        "auth/test_signing_key.py::test_a_file_open_to_others_is_refused",
        "auth/test_signing_key.py::test_a_short_key_is_refused_without_showing_it",
    ),
    72: (f"{CREDENTIALS}::test_bad_credential_is_401_everywhere",),
    74: (
        "web/test_limits.py::test_prefixes_spellings_and_credentials_share_one_count",
    ),
    75: (
        f"{LOG}::test_no_answer_tells_a_secret",
        f"{LOG}::test_no_refusal_or_list_tells_a_secret",
        f"{LOG}::test_log_tells_no_secret_no_prompt_and_no_answer",
        "settings/test_secrets.py::test_repr_hides_every_secret",
        "cli/test_config.py::test_no_output_holds_a_secret",
    ),
    76: (
        "web/test_headers.py::test_client_sees_no_header_of_the_upstream",
        f"{STREAM}::test_comments_and_other_fields_of_the_upstream_are_swallowed",
    ),
}

COVERED = {**UPSTREAM, **CLIENT, **PROCESS, **SECURITY}

LATER: Mapping[int, str] = {
    51: "database",
    52: "database",
    54: "chat log",
    55: "chat log",
    56: "chat log",
    57: "journal of usage",
    58: "journal of usage",
    61: "revocation",
    65: "media ids",
    68: "conversations",
    69: "conversations",
    73: "guests and refresh tokens",
}
"""Row -> the feature without which it has nothing to fail."""


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in `file`, a path below `tests`."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_row_is_covered_or_waits_for_one_feature() -> None:
    assert sorted([*COVERED, *LATER]) == list(range(1, 77))


@pytest.mark.parametrize("row", COVERED)
def test_row_is_covered_by_tests_that_exist(row: int) -> None:
    named = [test.partition("::") for test in COVERED[row]]
    assert named
    assert [name for file, _, name in named if name not in names_in(file)] == []
