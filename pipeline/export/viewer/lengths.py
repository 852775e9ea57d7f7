"""Lengths with their errors in words; ``plusMinusText`` of the viewer's script writes them the same way.

Convention: metres. Every error of a picture is the half-width of a 95 % interval.
"""

from __future__ import annotations

from pipeline.records.message import Message, message

# Least length [m] of each unit, the unit, its number per metre, and its decimals; as in ``length_text``.
_UNITS = ((0.995, "m", 1.0, 2), (0.00995, "cm", 100.0, 1), (0.0, "mm", 1000.0, 1))
_MOST_DECIMALS = 4


def plus_minus(length_m: float, error_m: float) -> Message:
    """A length and its error in one unit, that of the length, with as many decimals as the error needs.

    Args:
        length_m: The length.
        error_m: Half-width of its 95 % interval.

    Example:
        >>> plus_minus(0.5, 0.0055).text(), plus_minus(1.1, 0.726).text(), plus_minus(1.1, 0.0021).text()
        ('50.0 cm ± 0.6 cm', '1.10 m ± 0.73 m', '1.100 m ± 0.002 m')
    """
    unit, per_metre, decimals = next(
        (unit, per_metre, decimals) for least_m, unit, per_metre, decimals in _UNITS if abs(length_m) >= least_m
    )
    # An error halfway between two numbers takes the larger one.
    length, error = per_metre * length_m, per_metre * error_m * (1 + 1e-9)
    # An error that would be rounded away, or by much, takes more decimals.
    while 0 < error < 0.95 * 10.0**-decimals and decimals < _MOST_DECIMALS:
        decimals += 1
    return message("viewer_plus_minus", length=f"{length:.{decimals}f} {unit}", error=f"{error:.{decimals}f} {unit}")
