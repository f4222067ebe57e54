"""The picture of the house is that of the sources, and no import runs upward."""

import architecture


def test_the_picture_in_the_docs_is_that_of_the_imports():
    assert architecture.picture() in architecture.PAGE.read_text(encoding="utf-8"), (
        "out of date: python tools/architecture.py"
    )


def test_imports_run_downward():
    assert architecture.upward() == []


def test_every_unit_has_a_layer():
    placed = [unit for units in architecture.LAYERS for unit in units]
    assert sorted(placed) == sorted(architecture.edges())
