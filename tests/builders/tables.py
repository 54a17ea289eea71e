"""Tables made with the standard library only, so that every environment can make them."""

import csv
import math
import random
from pathlib import Path

CITIES = ["Aachen", "Bern", "Ghent", "Lyon", "Porto", "Turin", "Vienna"]


def customers(path: Path, *, rows: int, seed: int, shuffled: bool = False) -> Path:
    """A CSV of customers whose label `left` (yes or no) depends on numbers, a city and a date, with missing values.

    Args:
        shuffled: whether the labels are dealt out again, so that nothing predicts them.
    """
    source = random.Random(seed)
    table = []
    for number in range(rows):
        income = source.lognormvariate(10, 0.4)
        months = source.randrange(1, 120)
        city = source.choice(CITIES)
        weekday = source.randrange(28)
        score = 1.2 * (math.log(income) - 10) - 0.02 * (months - 60) + (1.0 if city in ("Bern", "Lyon") else -0.5)
        label = "yes" if source.random() < 1 / (1 + math.exp(-2 * score)) else "no"
        shown = f"{income:.2f}" if source.random() > 0.1 else ""
        table.append([f"C{number:06}", shown, months, city, f"2025-02-{weekday + 1:02}", source.random() < 0.5, label])
    if shuffled:
        labels = [row[-1] for row in table]
        source.shuffle(labels)
        table = [[*row[:-1], label] for row, label in zip(table, labels, strict=True)]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["customer", "income", "months", "city", "joined", "newsletter", "left"])
        writer.writerows(table)
    return path
