"""Packages with codecs, laid out as pip would."""

from pathlib import Path


def install(folder: Path, package: str, entry: str, source: str = "") -> None:
    """Lay out a package with one entry point, as pip would."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[granular_lm.codecs]\n{entry}\n")
    (folder / f"{package}.py").write_text(source)
