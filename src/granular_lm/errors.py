"""Every exception the library raises on purpose.

    GranularLMError
    ├── OptionError            ValueError         an argument out of range, or two that exclude each other
    ├── CorpusError            ValueError         data that cannot be read as documents, or too little of it
    │   └── CorpusNotFoundError  FileNotFoundError  a data file that is not there
    ├── CodecError             ValueError         a codec that cannot be trained, loaded or trusted
    │   ├── CodecNotFoundError   LookupError        a codec name that nothing provides
    │   ├── LossyCodecError                         a codec that does not give a document back
    │   └── CodecContractError   AssertionError     a codec that breaks its contract
    ├── ModelError             ValueError         a model folder with a missing, damaged or foreign file
    │   └── ModelNotFoundError   LookupError        a model name that leads nowhere
    ├── CompressionError       ValueError         compressed data that is damaged, or another model's
    ├── OutputExistsError      FileExistsError    an output that would overwrite something
    │   └── FolderInUseError                        a folder that another process works in
    ├── TrainingError          RuntimeError       training that cannot go on
    ├── CollectionError        RuntimeError       a collection from X that cannot go on
    └── SamplingError          RuntimeError       no string is found that meets what was asked for

Each message is one line: what happened, the value met, what is accepted and the next step.
"""


class GranularLMError(Exception):
    """Root of every exception raised by granular-lm."""


class OptionError(GranularLMError, ValueError):
    """An argument is out of range, or excludes another one."""


class CorpusError(GranularLMError, ValueError):
    """Data cannot be read as documents, or there is too little of it."""


class CorpusNotFoundError(CorpusError, FileNotFoundError):
    """A data file is not there."""


class CodecError(GranularLMError, ValueError):
    """A codec cannot be trained, loaded or trusted."""


class CodecNotFoundError(CodecError, LookupError):
    """No installed package provides a codec of that name."""


class LossyCodecError(CodecError):
    """A codec does not give a document back as it was, or fails on it; ``document`` is what shows that."""

    def __init__(self, message: str, document: str = "") -> None:
        super().__init__(message)
        self.document = document


class CodecContractError(CodecError, AssertionError):
    """A codec breaks the contract that every codec must keep."""


class ModelError(GranularLMError, ValueError):
    """A model folder has a missing, damaged or foreign file."""


class ModelNotFoundError(ModelError, LookupError):
    """A model name is neither bundled, nor a folder, nor on the Hub."""


class CompressionError(GranularLMError, ValueError):
    """Compressed data is damaged or belongs to another model, or a model cannot compress."""


class OutputExistsError(GranularLMError, FileExistsError):
    """An output would overwrite something that is already there."""


class FolderInUseError(OutputExistsError):
    """Another process is at work in a folder."""


class TrainingError(GranularLMError, RuntimeError):
    """Training cannot go on."""


class CollectionError(GranularLMError, RuntimeError):
    """A collection from X cannot go on."""


class SamplingError(GranularLMError, RuntimeError):
    """No string is found that meets what was asked for."""
