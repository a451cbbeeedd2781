from copy import deepcopy
from importlib.resources import files
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.simulator.form import cabinet_form

AVAILABLE = "Are All The Face Frames, Doors, And Drawers Available?"


def filled(seed):
    form = cabinet_form()
    answers = form.draw(Random(seed))
    photos = list(range(1, form.photo_count(answers) + 1))
    return msgspec.json.decode(form.response(answers, photos)), photos


def sample():
    source = files("claimx_pipeline.simulator") / "data" / "task_32513_completed.json"
    return msgspec.json.decode(source.read_bytes())["response"]


def without_answers(response):
    copy = deepcopy(response)
    for group in copy["groups"]:
        for item in group["questionAndAnswers"]:
            del item["responseAnswerExport"]
    return copy


def by_question(response):
    return {
        (group["name"].strip(), item["questionText"].strip()): item["responseAnswerExport"]
        for group in response["groups"]
        for item in group["questionAndAnswers"]
    }


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_a_filled_form_has_the_shape_of_the_real_one(seed):
    response, photos = filled(seed)
    real = sample()
    assert len(response["groups"]) == 23
    assert len(by_question(response)) == 50
    for key, answer in by_question(response).items():
        assert answer.keys() == by_question(real)[key].keys()
        assert answer["type"] == by_question(real)[key]["type"]
    assert without_answers(response) == without_answers(real)
    assert photos


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_every_photo_belongs_to_one_question(seed):
    response, photos = filled(seed)
    images = [item for item in by_question(response).values() if item["type"] == "image"]
    assert [photo for item in images for photo in item["claimMediaIds"]] == photos
    assert len(images) == 13


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_hidden_photo_questions_have_no_photos(seed):
    answers = by_question(filled(seed)[0])
    hidden = answers["Lower Cabinets", AVAILABLE]["optionAnswer"]["name"] == "No"
    for group in (
        "Capture Lower Face Frames, Doors, and Drawers",
        "Capture Full Height/Pantry Face Frames, Doors, and Drawers",
    ):
        photos = answers[group, group.replace("Capture ", "Captured ")]["claimMediaIds"]
        assert (not photos) == hidden
    radio = answers["Capture Upper End Panel", "Is there upper cabinet end panel damage?"]
    panels = answers["Capture Upper End Panel", "Captured Upper Cabinet End Panels"]
    assert bool(panels["claimMediaIds"]) == radio["optionAnswer"]["name"].startswith("Yes")


def test_answers_differ_between_forms():
    assert len({msgspec.json.encode(filled(seed)[0]) for seed in range(20)}) == 20


def test_options_are_those_of_the_form():
    for group in filled(4)[0]["groups"]:
        for item in group["questionAndAnswers"]:
            if item["responseAnswerExport"]["type"] == "option":
                names = [option["name"] for option in item["formControl"]["options"]]
                assert item["responseAnswerExport"]["optionAnswer"]["name"] in names
