"""From a template to a page with its style sheets, its scripts and plotly inside."""

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from plotly.offline import get_plotlyjs

TEMPLATES = "templates"


def page_environment(package: str) -> Environment:
    """Return the environment of the templates in a package's folder ``templates``.

    A template can put three things into its page as they are: ``file(name)``, a style sheet or script beside it,
    ``style``, what all pages have in common, and ``plotly``.

    Args:
        package: By its full name.
    """

    def file(name: str) -> str:
        return (files(package) / TEMPLATES / name).read_text(encoding="utf-8")

    environment = Environment(
        loader=FunctionLoader(file), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.globals.update(
        file=file, style=(files(__package__) / "style.css").read_text(encoding="utf-8"), plotly=get_plotlyjs()
    )
    return environment
