"""The conformance cases of the Ollama contract (C01 to C64), and the tests that show each.

Where a case has several sides, or two clients, each has its test.
"""

from collections.abc import Mapping

SERVER = "web/test_ollama_server.py"
MODELS = "web/test_ollama_models.py"
IDLE = "web/test_ollama_idle.py"
CHAT = "web/test_ollama_chat.py"
KEYS = "web/test_ollama_keys.py"
CORS = "web/test_ollama_cors.py"
V1 = "web/test_ollama_v1.py"
SEVERAL = "web/test_ollama_several_calls.py"
LEAVING = "web/test_ollama_leaving.py"
READ = "dialects/test_ollama_read_request.py"
TASK = "dialects/test_ollama_read_task.py"
RENDER = "dialects/test_ollama_render_task.py"
ENCODING = "dialects/test_ollama_encoding.py"
PLAIN = "dialects/test_ollama_plain_answers.py"
ABLE = "dialects/test_ollama_capabilities.py"
LISTING = "dialects/test_ollama_listing.py"
ERRORS = "dialects/test_ollama_errors.py"
BETWEEN = "dialects/test_ollama_translation.py"
OPENAI_CALLS = "dialects/test_openai_calls.py"
OPENAI_TASKS = "dialects/test_openai_tasks.py"
OPENAI_ANSWERS = "dialects/test_openai_answers.py"
RELAY = "relay/test_translation.py"
PYTHON = "sdk/test_ollama_client.py"
TOOLS = "sdk/test_ollama_tools.py"
TROUBLE = "sdk/test_ollama_trouble.py"
JS = "sdk/test_ollama_js.py"
LANGCHAIN = "sdk/test_langchain_ollama.py"
UPSTREAM = "sdk/test_ollama_upstream.py"
UPSTREAM_TROUBLE = "sdk/test_ollama_upstream_trouble.py"

SURFACE: Mapping[str, tuple[str, ...]] = {
    "C01": (f"{SERVER}::test_server_says_that_it_runs",),
    "C02": (f"{SERVER}::test_version_is_one_that_clients_take_and_asks_for_nothing",),
    "C03": (f"{MODELS}::test_every_model_is_listed_under_a_name_with_a_tag",),
    "C04": (
        f"{MODELS}::test_model_is_shown_under_any_of_its_names",
        f"{MODELS}::test_official_client_reads_the_lists",
    ),
    "C05": (f"{MODELS}::test_nothing_is_shown_of_no_model",),
    "C06": (f"{IDLE}::test_model_is_loaded_and_named_as_it_was_asked_for",),
    "C07": (f"{IDLE}::test_what_cannot_be_answered_is_told_in_ollamas_words",),
    "C08": (
        f"{IDLE}::test_content_type_is_not_looked_at",
        f"{CHAT}::test_body_is_read_whatever_its_content_type",
    ),
    "C09": (
        f"{IDLE}::test_body_that_is_no_request_is_400_in_json",
        f"{READ}::test_empty_body_is_missing",
    ),
    "C10": (f"{CHAT}::test_chat_is_a_stream_of_lines_unless_told_otherwise",),
    "C11": (f"{CHAT}::test_plain_chat_is_one_object",),
}

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "C12": (
        f"{ENCODING}::test_deltas_become_lines_and_the_end_one_that_is_done",
        f"{PYTHON}::test_streamed_chat",
        f"{JS}::test_chat",
        f"{LANGCHAIN}::test_stream",
    ),
    "C13": (f"{ENCODING}::test_reason_is_one_of_two",),
    "C14": (
        f"{ENCODING}::test_call_in_pieces_leaves_whole",
        f"{JS}::test_tool_is_called_and_its_result_told",
    ),
    "C15": (
        f"{ENCODING}::test_interleaved_calls_keep_to_their_numbers",
        f"{TOOLS}::test_calls_come_whole_in_one_line",
    ),
    "C16": (f"{ENCODING}::test_arguments_that_say_nothing_are_an_empty_object",),
    "C17": (
        f"{ENCODING}::test_text_comes_before_the_calls",
        f"{TOOLS}::test_calls_come_whole_in_one_line",
    ),
    "C18": (
        f"{ENCODING}::test_thoughts_are_apart_from_the_answer",
        f"{PYTHON}::test_thoughts_are_apart",
        f"{LANGCHAIN}::test_reasoning_is_apart",
        f"{BETWEEN}::test_stream_of_an_openai_server_is_one_of_ollama",
    ),
}

REQUESTS: Mapping[str, tuple[str, ...]] = {
    "C19": (
        f"{READ}::test_think_is_taken",
        f"{READ}::test_think_of_another_value_is_refused",
        f"{OPENAI_CALLS}::test_whether_to_think_is_said_in_the_words_of_the_engine",
    ),
    "C20": (
        f"{ABLE}::test_thinking_is_refused_where_the_model_cannot",
        f"{ABLE}::test_not_thinking_is_never_refused",
        f"{TROUBLE}::test_refusal_has_its_status_and_its_text",
    ),
    "C21": (
        f"{OPENAI_CALLS}::test_options_are_those_that_the_engine_knows",
        f"{PYTHON}::test_system_format_and_options_reach_the_model",
    ),
    "C22": (
        f"{TASK}::test_options_below_zero_ask_for_nothing",
        f"{READ}::test_options_are_made_of_their_types",
    ),
    "C23": (
        f"{READ}::test_option_of_another_type_is_refused",
        f"{READ}::test_options_are_made_of_their_types",
    ),
    "C24": (
        f"{READ}::test_format_is_taken",
        f"{READ}::test_other_format_is_refused",
        f"{OPENAI_CALLS}::test_format",
    ),
    "C25": (
        f"{READ}::test_image_leaves_as_plain_base64",
        f"{READ}::test_image_that_is_no_base64_is_refused",
        f"{PYTHON}::test_images_in_every_form",
    ),
    "C26": (
        f"{TASK}::test_result_without_ids_answers_the_call_before_it",
        f"{TOOLS}::test_conversation_with_a_tool",
    ),
    "C27": (
        f"{TASK}::test_results_are_paired_by_the_tools_name_before_their_order",
        f"{TOOLS}::test_results_go_back_to_their_calls",
    ),
    "C28": (
        f"{IDLE}::test_load_is_one_object_whether_a_stream_was_asked_for_or_not",
        f"{IDLE}::test_model_is_unloaded_by_keeping_it_for_no_time",
    ),
    "C29": (
        f"{IDLE}::test_model_is_unloaded_by_keeping_it_for_no_time",
        f"{READ}::test_prompt_kept_for_no_time_is_a_generation",
    ),
    "C30": (f"{IDLE}::test_what_cannot_be_answered_is_told_in_ollamas_words",),
    "C31": (
        f"{TASK}::test_generation_is_a_conversation",
        f"{ENCODING}::test_generation_has_response_instead_of_message",
        f"{PYTHON}::test_generation",
    ),
    "C32": (
        f"{READ}::test_raw_takes_nothing_beside",
        f"{OPENAI_CALLS}::test_length_of_a_raw_answer_is_always_said",
        f"{CHAT}::test_raw_prompt_goes_up_as_it_is",
    ),
    "C33": (
        f"{ABLE}::test_gap_is_refused_where_the_model_cannot_fill_it",
        f"{OPENAI_CALLS}::test_gap_that_nobody_can_fill_is_refused",
        f"{LISTING}::test_template_shows_a_suffix_only_where_a_gap_can_be_filled",
        f"{PYTHON}::test_raw_prompt_and_gap",
    ),
    "C34": (
        f"{READ}::test_too_many_logprobs_are_refused",
        f"{ENCODING}::test_logprobs_stand_on_the_line_of_their_text",
        f"{PLAIN}::test_chat_is_one_object_with_everything",
    ),
    "C35": (
        f"{PLAIN}::test_vectors_have_unit_length_and_their_order",
        f"{PLAIN}::test_vectors_are_cut_to_what_was_asked_for",
        f"{OPENAI_ANSWERS}::test_vectors_come_in_the_order_of_their_index",
        f"{IDLE}::test_nothing_to_embed_gives_no_vectors",
        f"{READ}::test_embedding_of_no_text_is_refused",
    ),
    "C36": (
        f"{SEVERAL}::test_ollama_client_gets_all_vectors_in_its_order",
        f"{SEVERAL}::test_openai_client_gets_all_vectors_in_its_order",
        f"{UPSTREAM}::test_more_texts_than_an_upstream_takes_at_once",
    ),
    "C37": (
        f"{CHAT}::test_vectors_have_length_one_and_the_older_ones_are_as_they_come",
        f"{IDLE}::test_nothing_to_embed_gives_no_vectors",
    ),
}

TROUBLES: Mapping[str, tuple[str, ...]] = {
    "C38": (
        f"{CHAT}::test_refusal_of_an_upstream_is_a_status_and_a_text",
        f"{CHAT}::test_model_that_the_upstream_has_lost_is_not_found",
        f"{TROUBLE}::test_failure_of_an_upstream_is_a_status",
        f"{JS}::test_failure_of_an_upstream_is_a_status",
    ),
    "C39": (
        f"{CHAT}::test_error_in_the_middle_of_a_stream_is_its_last_line",
        f"{TROUBLE}::test_error_in_the_middle_of_a_stream_is_raised",
        f"{JS}::test_error_in_the_middle_of_a_stream_is_thrown",
    ),
    "C40": (
        f"{CHAT}::test_stream_that_breaks_off_ends_with_an_error",
        f"{TROUBLE}::test_stream_that_breaks_off_is_no_whole_answer",
    ),
    "C41": (
        f"{ENCODING}::test_text_is_whole_and_its_bytes_are_ascii",
        f"{PYTHON}::test_text_arrives_whole_whatever_is_in_it",
        f"{JS}::test_text_arrives_whole_whatever_is_in_it",
    ),
    "C42": (
        f"{PYTHON}::test_events_in_any_spelling_are_lines",
        f"{BETWEEN}::test_stream_of_an_openai_server_is_one_of_ollama",
    ),
    "C43": (
        f"{LEAVING}::test_client_that_leaves_a_running_stream",
        f"{LEAVING}::test_client_that_leaves_a_silent_stream",
        f"{LEAVING}::test_client_that_leaves_before_the_first_line",
        f"{LEAVING}::test_client_that_leaves_a_plain_call",
        f"{TROUBLE}::test_client_that_leaves_a_stream_ends_it_for_the_upstream_too",
        f"{JS}::test_abort_ends_the_stream_for_the_upstream_too",
    ),
    "C44": (
        f"{SERVER}::test_wrong_method_is_405_with_what_is_allowed",
        f"{SERVER}::test_unknown_path_is_404_in_json",
        f"{SERVER}::test_body_over_the_limit_is_413_in_json",
    ),
    "C45": (
        f"{CORS}::test_preflight_is_allowed_without_a_credential",
        f"{CORS}::test_answers_and_errors_are_readable_for_an_allowed_page",
        f"{CORS}::test_relayed_answers_are_readable_for_an_allowed_page",
    ),
    "C46": (
        f"{KEYS}::test_credential_in_any_header_lets_in",
        f"{KEYS}::test_key_in_the_path_lets_in",
        f"{SERVER}::test_all_else_asks_for_a_credential",
        f"{TROUBLE}::test_key_of_the_surroundings_is_a_bearer",
        f"{LANGCHAIN}::test_key_may_be_the_password_of_the_address",
    ),
    "C47": (
        f"{SERVER}::test_pull_of_a_model_that_is_served_is_done_at_once",
        f"{SERVER}::test_pull_of_nothing_that_is_served_is_an_error",
        f"{SERVER}::test_models_are_not_managed_here",
        f"{JS}::test_pull_of_a_model_that_is_there",
        f"{JS}::test_refusal_has_its_status_and_its_text",
    ),
    "C48": (f"{MODELS}::test_what_is_listed_is_loaded",),
    "C49": (
        f"{V1}::test_models_are_listed_in_openais_shape",
        f"{V1}::test_chat_finds_the_model_under_ollamas_names",
    ),
    "C50": (
        f"{PYTHON}::test_chat",
        f"{PYTHON}::test_generation",
        f"{PYTHON}::test_vectors",
        f"{PYTHON}::test_lists",
        f"{JS}::test_chat",
        f"{JS}::test_generation",
        f"{JS}::test_vectors",
        f"{JS}::test_lists",
    ),
    "C51": (
        f"{ERRORS}::test_vllm_without_a_tool_parser_does_not_support_tools",
        f"{TOOLS}::test_model_without_tools",
    ),
    "C52": (
        f"{OPENAI_CALLS}::test_tools_are_sent_with_their_schema_untouched",
        f"{TOOLS}::test_no_tools_are_not_mentioned",
    ),
    "C53": (
        f"{ENCODING}::test_tokens_never_took_no_time",
        f"{PYTHON}::test_streamed_chat",
    ),
}

NATIVE: Mapping[str, tuple[str, ...]] = {
    "C54": (
        f"{RENDER}::test_stream_is_always_said",
        f"{UPSTREAM}::test_chat",
        f"{UPSTREAM}::test_fields_become_options",
    ),
    "C55": (
        f"{RENDER}::test_address_of_an_image_is_never_sent_on",
        f"{UPSTREAM}::test_image_stands_beside_its_text",
    ),
    "C56": (
        f"{RENDER}::test_arguments_are_objects_and_results_name_their_tool",
        f"{UPSTREAM}::test_conversation_with_a_tool",
    ),
    "C57": (
        f"{BETWEEN}::test_stream_of_an_ollama_server_is_one_of_openai",
        f"{UPSTREAM}::test_calls_are_assembled_by_the_stream_helper",
    ),
    "C58": (f"{UPSTREAM}::test_calls_are_assembled_by_the_stream_helper",),
    "C59": (f"{UPSTREAM}::test_stream_with_usage_and_without",),
    "C60": (
        f"{RELAY}::test_choices_are_calls_one_after_another",
        f"{UPSTREAM}::test_several_choices",
    ),
    "C61": (
        f"{OPENAI_TASKS}::test_response_format",
        f"{OPENAI_TASKS}::test_whether_to_think",
        f"{UPSTREAM}::test_parse_with_a_schema",
        f"{UPSTREAM}::test_fields_become_options",
    ),
    "C62": (
        f"{UPSTREAM}::test_vectors_in_both_encodings",
        # An empty text is refused here as on every OpenAI route.
        f"{UPSTREAM}::test_what_cannot_be_embedded_is_refused",
    ),
    "C63": (
        f"{ERRORS}::test_status_of_an_upstream_says_what_failed",
        f"{UPSTREAM_TROUBLE}::test_error_line_is_raised_after_the_text",
        f"{UPSTREAM_TROUBLE}::test_failure_of_the_upstream_is_a_status",
    ),
    "C64": (f"{UPSTREAM}::test_thoughts_and_a_cut_answer",),
}

CASES = {**SURFACE, **ANSWERS, **REQUESTS, **TROUBLES, **NATIVE}
