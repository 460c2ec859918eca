"""Real series that installed development packages ship: statsmodels' data sets and test data, matplotlib's samples."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.api as sm
from matplotlib import cbook
from statsmodels.datasets import elec_equip
from stream_filters.filters.base import Floats

_STATSMODELS = Path(statsmodels.__file__).parent
_TSA = _STATSMODELS / "tsa" / "tests" / "results"
_MACRO = ("realgdp", "realcons", "realinv", "cpi", "m1", "tbilrate", "unemp", "pop", "infl", "realint")
_LONGEST = 1000


def series() -> Iterator[tuple[str, Floats]]:
    """Name and values, NaN left out, of every series; the last thousand values of longer ones."""
    for name, values in _all():
        finite = np.asarray(values, float)
        finite = finite[np.isfinite(finite)]
        yield name, finite[-_LONGEST:]


def _all() -> Iterator[tuple[str, object]]:
    yield "Nile, yearly", sm.datasets.nile.load_pandas().data["volume"]
    yield "sunspots, yearly", sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"]
    yield "CO2, weekly", sm.datasets.co2.load_pandas().data["co2"]
    elnino = sm.datasets.elnino.load_pandas().data
    yield "sea surface temperature, monthly", elnino.iloc[:, 1:].to_numpy().ravel()
    macro = sm.datasets.macrodata.load_pandas().data
    for name in _MACRO:
        yield f"US {name}, quarterly", macro[name]
    german = sm.datasets.interest_inflation.load_pandas().data
    yield "German interest, quarterly", german["R"]
    yield "German inflation, quarterly", german["Dp"]
    yield "electrical equipment, monthly", elec_equip.load_pandas().data.iloc[:, 0]
    for name, title in (("BAA", "bond yield, monthly"), ("SP500", "S&P 500, monthly"), ("UN", "unemployment, monthly")):
        yield f"US {title}", pd.read_csv(_TSA / f"{name}.csv").iloc[:, 0]
    yield "US real GNP, quarterly", pd.read_csv(_TSA / "rgnpq.csv").iloc[:, 0]
    yield "US stock prices, yearly", pd.read_csv(_TSA / "stkprc.csv").iloc[:, 0]
    stocks = pd.read_csv(cbook.get_sample_data("Stocks.csv", asfileobj=False), comment="#")
    for name in ("IBM", "AAPL", "MSFT", "^GSPC"):
        yield f"{name}, monthly price", stocks[name]
    google = np.load(cbook.get_sample_data("goog.npz", asfileobj=False))["price_data"]
    yield "GOOG, daily price", google["adj_close"]
    yield "GOOG, daily volume", google["volume"]
    yield "EEG", np.fromfile(cbook.get_sample_data("eeg.dat", asfileobj=False), float)[::4]
    yield "row of a tomogram", _tomogram()


def _tomogram() -> Floats:
    with gzip.open(cbook.get_sample_data("s1045.ima.gz", asfileobj=False)) as file:
        image = np.frombuffer(file.read(), np.uint16).reshape(256, 256)
    return image[128].astype(float)
