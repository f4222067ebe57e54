"""What the report says of a trained Atari expert."""

from pathlib import Path

from ilscaling import files


def facts(expert: str | Path) -> dict[str, str]:
    """Name -> text, of the record beside an expert's file."""
    record = files.read_json(Path(expert).with_suffix(".json"))
    shown = {
        "algorithm": record.get("algorithm"),
        "agent steps": f"{record['steps']:,}" if "steps" in record else "not recorded",
        "file": str(expert),
        "SHA-256": record["sha256"],
    }
    if measured := record.get("measured"):
        shown["return over whole episodes"] = (
            f"{measured['return_mean']:.1f} ± {measured['return_se']:.1f} (standard error), "
            f"median {measured['return_median']:g}, {measured['episodes']} episodes"
        )
    return shown
