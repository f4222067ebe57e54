"""The sigmoid of extensions/forms: what it recovers, and where it is a power law."""

import numpy as np
import pytest

from ilscaling import registry
from ilscaling.laws import forms

X = np.geomspace(1e6, 1e9, 12)


@pytest.fixture(autouse=True)
def known():
    registry.load(["extensions/forms/sigmoid.py"])
    yield
    registry.load([])


def test_a_planted_sigmoid_is_recovered_and_preferred_whichever_way_it_goes():
    random = np.random.default_rng(0)
    returns = 50 / (1 + (3e7 / X) ** 1.2)
    for sign in (1, -1):
        noisy = returns**sign * np.exp(random.normal(0, 0.01, (40, 12)))
        fitted = forms.curves(X, np.vstack([returns**sign, noisy]))["sigmoid"]
        assert fitted.parameters["exponent"][0] == pytest.approx(1.2 * sign)
        assert fitted.parameters["asymptote"][0] == pytest.approx(50.0**sign)
        low, high = np.quantile(fitted.predict(np.array([1e11]))[1:, 0], [0.05, 0.95])
        assert low < 50.0**sign < high
        assert fitted.predict(X[:3])[0] == pytest.approx((returns**sign)[:3])
    curves = forms.curves(X, noisy[:1] ** -1)
    assert min(curves, key=lambda name: curves[name].aic[0]) == "sigmoid"


def test_of_a_power_law_it_is_one_and_never_preferred():
    curves = forms.curves(X, 3 * (X / 1e6) ** 0.4)
    assert curves["sigmoid"].parameters["exponent"][0] == pytest.approx(0.4, rel=0.02)
    assert curves["sigmoid"].aic[0] > curves["power"].aic[0]
