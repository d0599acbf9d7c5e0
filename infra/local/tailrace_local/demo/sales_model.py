"""The shop whose demand the demo predicts.

It has a catalogue, locations, effects on sales, and random draws.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FIRST_DAY = date(2018, 1, 1)
DAYS = 1461
BLOCK_ROWS = 8192

_SHOP_SEED = 20180101
_PRODUCTS_PER_SUBCATEGORY = 3
_LOCATIONS = 60
_SHELVES = {
    "Beverages": (("Fruit Juice", "Soda", "Iced Tea", "Smoothie"), ("Mango", "Apple", "Lime", "Peach")),
    "Bakery": (("Bread", "Roll", "Bagel", "Flatbread"), ("Rye", "Wheat", "Sesame", "Oat")),
    "Dairy": (("Yoghurt", "Cheese", "Butter", "Cream"), ("Plain", "Light", "Organic", "Lactose Free")),
    "Frozen": (("Pizza", "Berries", "Vegetables", "Ice Cream"), ("Small", "Medium", "Large", "Family")),
    "Snacks": (("Crisps", "Nuts", "Crackers", "Popcorn"), ("Salted", "Paprika", "Sweet", "Chili")),
    "Produce": (("Apples", "Tomatoes", "Potatoes", "Salad"), ("Local", "Organic", "Loose", "Packed")),
    "Household": (("Detergent", "Soap", "Tissues", "Sponges"), ("Lemon", "Lavender", "Neutral", "Fresh")),
    "Seasonal": (("Grill", "Candles", "Garden", "Party"), ("Basic", "Classic", "Plus", "Premium")),
}


@dataclass(frozen=True)
class Shop:
    """The fixed shop: texts ready to print, and logarithms of the effects on sales."""

    products: list[str]
    category: NDArray[np.int64]
    locations: list[int]
    days: list[str]
    base: NDArray[np.float64]
    location_size: NDArray[np.float64]
    elasticity: NDArray[np.float64]
    day_effect: NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """One block of rows as indexes into the shop, and the noise on sales; arrays of BLOCK_ROWS."""

    product: NDArray[np.int64]
    location: NDArray[np.int64]
    price: NDArray[np.float64]
    email: NDArray[np.int64]
    homepage: NDArray[np.int64]
    day: NDArray[np.int64]
    noise: NDArray[np.float64]


@functools.lru_cache(maxsize=2)
def draw_block(seed: int, block: int) -> Draw:
    """Draw a block.

    It is always drawn whole, so that a row does not depend on the number of rows requested.
    """
    shop = build_shop()
    product, location, price, discount, email, homepage, day, *noise = uniform([seed, block], 10)
    on_homepage = homepage < 0.1  # noqa: PLR2004  a tenth of the rows
    scaled = (0.85 + 0.3 * price) * np.where(on_homepage, 0.7 + 0.2 * discount, 1.0)
    return Draw(
        product=(product**1.5 * len(shop.products)).astype(np.int64),
        location=(location * _LOCATIONS).astype(np.int64),
        price=np.round(scaled, 9),
        email=(email < 0.15).astype(np.int64),  # noqa: PLR2004  one row in seven
        homepage=on_homepage.astype(np.int64),
        day=(day * DAYS).astype(np.int64),
        noise=2.0 * (sum(noise) - 1.5),  # three uniform draws: nearly normal, and the same on every machine
    )


def unit_sales(draw: Draw) -> NDArray[np.float64]:
    """Return the units sold in each row, BLOCK_ROWS whole numbers.

    The formula is in `tailrace_local.demo.demand`.
    """
    shop = build_shop()
    category = shop.category[draw.product]
    logarithm = (
        shop.base[draw.product]
        + shop.location_size[draw.location]
        - shop.elasticity[category] * np.log(draw.price)
        + np.log(1.2) * draw.email
        + np.log(1.35) * draw.homepage
        + shop.day_effect[category, draw.day]
        + 0.18 * draw.noise
    )
    sold: NDArray[np.float64] = np.rint(np.exp(logarithm))
    return sold


@functools.cache
def build_shop() -> Shop:
    """Build the shop, once, from a seed of its own."""
    shelves = [
        (name, f"{kind} {sort}") for name, (kinds, sorts) in _SHELVES.items() for kind in kinds for sort in sorts
    ]
    stock = [shelf for shelf in shelves for _ in range(_PRODUCTS_PER_SUBCATEGORY)]
    names = list(_SHELVES)
    category = np.array([names.index(name) for name, _ in stock])
    draws = uniform([_SHOP_SEED], 5, len(stock))
    subcategory = np.repeat(draws[1][: len(shelves)], _PRODUCTS_PER_SUBCATEGORY)
    return Shop(
        products=[f"{1062 + 7 * at},{name},{sort}" for at, (name, sort) in enumerate(stock)],
        category=category,
        locations=[110 + 5 * at for at in range(_LOCATIONS)],
        days=[(FIRST_DAY + timedelta(days=at)).isoformat() for at in range(DAYS)],
        base=2.6 + draws[0] + 0.8 * subcategory + 0.8 * draws[2][: len(names)][category],
        location_size=1.4 * draws[3][:_LOCATIONS] - 0.7,
        elasticity=0.6 + 1.8 * draws[4][: len(names)],
        day_effect=_day_effects(draws[:, -len(names) :]),
    )


def _day_effects(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms, categories x DAYS: a weekly rhythm, a season with a peak, and growth.

    Each category's season has its own peak.
    """
    day = np.arange(DAYS)
    weekend, amplitude, peak = (draws[row][:, np.newaxis] for row in range(3))
    week = (0.1 + 0.4 * weekend) * np.isin(day % 7, (4, 5))  # the first day is a Monday: Friday and Saturday
    season = (0.05 + 0.35 * amplitude) * np.cos(2 * np.pi * (day / 365.25 - peak))
    effects: NDArray[np.float64] = week + season + np.log(1.05) * day / 365.25
    return effects


def uniform(entropy: Sequence[int], columns: int, rows: int = BLOCK_ROWS) -> NDArray[np.float64]:
    """Draw numbers in [0, 1), columns x rows.

    NumPy may change how it derives other distributions.
    """
    return np.random.Generator(np.random.PCG64(entropy)).random((columns, rows))
