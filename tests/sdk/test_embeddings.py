"""Embeddings with the official client, on every prefix that has them."""

import pytest

from tests.sdk.places import EMBED, EMBEDDING, OpenClient, Place, name_of

# The demo's vector of "red fox" in 4 dimensions: (1, -2, -1, 4) / sqrt(22).
RED_FOX = [0.2132007, -0.4264014, -0.2132007, 0.8528029]

each_place = pytest.mark.parametrize("place", EMBEDDING, ids=name_of)


@each_place
def test_both_encodings_are_the_same_vector(
    open_client: OpenClient, place: Place
) -> None:
    embeddings = open_client(place.prefix).embeddings
    ask = {"model": EMBED, "input": "red fox", "dimensions": 4}
    by_default = embeddings.create(**ask)  # the client asks for base64 and decodes it
    floats = embeddings.create(**ask, encoding_format="float")
    assert by_default.data[0].embedding == pytest.approx(RED_FOX, abs=1e-6)
    assert floats.data[0].embedding == pytest.approx(RED_FOX, abs=1e-6)
    assert by_default.model == EMBED
    assert by_default.usage.prompt_tokens == 2


@each_place
def test_inputs_keep_their_order(open_client: OpenClient, place: Place) -> None:
    answer = open_client(place.prefix).embeddings.create(
        model=EMBED, input=["blue", "red fox", "blue"], dimensions=4
    )
    blue, red_fox, again = (item.embedding for item in answer.data)
    assert red_fox == pytest.approx(RED_FOX, abs=1e-6)
    assert blue == again
    assert blue != red_fox
    assert [item.index for item in answer.data] == [0, 1, 2]
