"""Model lists with the official client, on every prefix."""

import openai
import pytest

from tests.sdk.places import EVERY_MODEL, OF_KIND, PLACES, OpenClient, Place, name_of

each_place = pytest.mark.parametrize("place", PLACES, ids=name_of)


@each_place
def test_list_has_what_can_be_called_there(
    open_client: OpenClient, place: Place
) -> None:
    listed = open_client(place.prefix).models.list().data
    wanted = OF_KIND.get(place.prefix, EVERY_MODEL)
    assert sorted(model.id for model in listed) == sorted(wanted)
    assert {model.object for model in listed} == {"model"}


@each_place
def test_retrieve_finds_every_listed_model(
    open_client: OpenClient, place: Place
) -> None:
    models = open_client(place.prefix).models
    for name in OF_KIND.get(place.prefix, EVERY_MODEL):
        found = models.retrieve(name)
        assert (found.id, found.object) == (name, "model")


@pytest.mark.parametrize(
    ("prefix", "owner"), [("/v1", "vllm"), ("/chat/v1", "vllm"), ("", "openai")]
)
def test_id_with_a_slash_is_retrieved(
    open_client: OpenClient, prefix: str, owner: str
) -> None:
    found = open_client(prefix).models.retrieve("team/tiny")
    assert found.to_dict() == {
        "id": "team/tiny",
        "object": "model",
        "created": 1700000000,
        "owned_by": owner,
        "root": "team/tiny",
    }


@each_place
def test_unknown_model_is_not_found(open_client: OpenClient, place: Place) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        open_client(place.prefix).models.retrieve("gpt-99")
    assert caught.value.code == place.unknown_model_code
    assert caught.value.param == "model"
