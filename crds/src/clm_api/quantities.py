"""Kubernetes quantities as numbers, to compare them."""

from decimal import Decimal

_SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    "M": Decimal(1000) ** 2,
    "G": Decimal(1000) ** 3,
    "T": Decimal(1000) ** 4,
    "Ki": Decimal(1024),
    "Mi": Decimal(1024) ** 2,
    "Gi": Decimal(1024) ** 3,
    "Ti": Decimal(1024) ** 4,
}


def amount(quantity: str) -> Decimal:
    """Return what ``500m`` or ``4Gi`` stands for."""
    digits = quantity.rstrip("kKMGTim")
    return Decimal(digits) * _SUFFIXES.get(quantity[len(digits) :], Decimal(1))
