"""What authors of codecs run to know that theirs keeps the contract."""

from granular_lm.testing.contract import CASES, PropertyCheck, check_codec, check_properties

__all__ = ["CASES", "PropertyCheck", "check_codec", "check_properties"]
