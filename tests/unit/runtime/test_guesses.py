from sonify.runtime.guesses import hint


def test_a_close_name_is_guessed_and_nothing_else():
    known = ["fsd50k", "audioset"]
    assert hint("fsd50", known, "see the list") == "did you mean 'fsd50k'?"
    assert hint("zebra", iter(known), "see the list") == "see the list"
