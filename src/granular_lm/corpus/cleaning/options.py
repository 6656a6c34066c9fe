"""What a cleaning does, and the check that it can."""

from dataclasses import dataclass

from granular_lm.checks import check_integer, take_plain_numbers
from granular_lm.corpus.cleaning.scrubbing import check_kinds
from granular_lm.errors import OptionError

NEAR = ("drop", "keep", "off")
LEAST_THRESHOLD, MOST_THRESHOLD = 0.5, 0.99  # below, all is compared with all; above, signatures cannot tell


@dataclass(frozen=True, kw_only=True)
class CleaningOptions:
    """The steps of a cleaning; without any, exact and near-duplicates are dropped and nothing is changed.

    Attributes:
        ftfy: Mend text that was decoded wrongly, such as ``cafÃ©``, with ftfy.
        nfc: Bring text into Unicode's form NFC.
        strip: Take white space and byte order marks away from both ends.
        scrub: Traces to replace, names from `granular_lm.corpus.cleaning.scrubbing.TRACES`.
        min_bytes: Fewest raw bytes of a document that is kept.
        max_bytes: Most raw bytes of a document that is kept; what has a million more is dropped before it is changed.
        scripts: Keep documents more than half of whose letters are of these; names as ``Latin`` or ``Han``.
        languages: Keep documents that py3langid takes for one of these; codes as ``en``. On short strings it is
            often wrong.
        min_confidence: Least confidence of py3langid in its guess, from 0 to 1.
        near: Of near-duplicates, ``"drop"`` all but the first, ``"keep"`` all and name their group, or ``"off"``.
        threshold: Jaccard similarity of near-duplicates, from 0.5 to 0.99.

    Raises:
        OptionError: A value is not accepted.
    """

    ftfy: bool = False
    nfc: bool = False
    strip: bool = False
    scrub: tuple[str, ...] = ()
    min_bytes: int = 0
    max_bytes: int | None = None
    scripts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    min_confidence: float = 0.0
    near: str = "drop"
    threshold: float = 0.8

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        check_kinds(self.scrub)
        check_integer("min_bytes", self.min_bytes, least=0)
        if self.max_bytes is not None:
            check_integer("max_bytes", self.max_bytes, least=self.min_bytes)
        if self.near not in NEAR:
            raise OptionError(f"near={self.near!r} is not accepted; accepted: {', '.join(NEAR)}.")
        if not LEAST_THRESHOLD <= self.threshold <= MOST_THRESHOLD:
            accepted = f"from {LEAST_THRESHOLD} to {MOST_THRESHOLD}"
            raise OptionError(f"threshold={self.threshold} is not accepted; give a number {accepted}.")
        if not 0 <= self.min_confidence <= 1:
            raise OptionError(f"min_confidence={self.min_confidence} is not accepted; give a number from 0 to 1.")
