"""The colours of pictures: those of Okabe and Ito, which people with any colour vision can tell apart."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hue:
    """One colour as #rrggbb, on a light and on a dark background."""

    light: str
    dark: str


HUES = {
    "cyan": Hue("#56b4e9", "#6cc3f5"),
    "magenta": Hue("#cc79a7", "#dd8fbb"),
    "yellow": Hue("#e69f00", "#f0b429"),
    "green": Hue("#009e73", "#22b98c"),
    "blue": Hue("#0072b2", "#56a5dd"),
    "red": Hue("#d55e00", "#f07f2e"),
    "ink": Hue("#1c2530", "#e6eaef"),
    "muted": Hue("#5d6875", "#9aa5b1"),
    "grid": Hue("#dfe3e8", "#323a44"),
    "paper": Hue("#ffffff", "#181c21"),
}
ESTIMATE = "blue"
OBSERVED = "magenta"
TRUTH = "yellow"
ALARM = "red"
# regimes by their labels, as in the live view
REGIMES = ("cyan", "magenta", "yellow", "green", "blue", "red")


def regime_hue(label: int) -> str:
    """The hue of a regime; from the seventh on they come again."""
    return REGIMES[label % len(REGIMES)]
