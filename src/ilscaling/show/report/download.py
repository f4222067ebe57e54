"""All data of a page as one archive that it holds itself."""

import base64
import io
import zipfile
from pathlib import Path

import pandas as pd

from ilscaling.files import read_json
from ilscaling.laws import StudyFit, study

# The archive of equal data has equal bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
README = """Data of a report of ilscaling.

results.csv       a row a cell of the grid
fits.csv          every fitted parameter, with its interval and flags
optima.csv        the compute-optimal points of each budget, by method
cells.csv         what entered the fits
validation.csv    predictions of larger budgets, and what was measured
verdicts.csv      power law against other forms
relations.csv     laws of more than size and data, where there are some
figures/*.csv     the data behind each figure
"""


def archive(table: pd.DataFrame, fit: StudyFit, figures: Path) -> str:
    """A ZIP archive of all data of a page; equal data give equal bytes.

    Parameters
    ----------
    table
        The results table.
    fit
        Its laws.
    figures
        Folder with figures.json and the data behind the figures.

    Returns
    -------
    str
        A data: URI.
    """
    flat = pd.DataFrame(fit.fits).drop(columns="line")
    flat["flags"] = flat["flags"].map("; ".join)
    tables = {"results": table, "fits": flat}
    tables |= {name: getattr(fit, name) for name in study.TABLES}
    if len(fit.relations):
        tables["relations"] = fit.relations
    contents = {"README.txt": README}
    contents |= {
        f"{name}.csv": rows.to_csv(index=False, float_format="%.10g")
        for name, rows in tables.items()
    }
    for name, figure in read_json(figures / "figures.json").items():
        contents[f"figures/{name}.csv"] = (figures / figure["files"]["csv"]).read_text(
            encoding="utf-8"
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, text in contents.items():
            file.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)
    return f"data:application/zip;base64,{base64.b64encode(packed.getvalue()).decode()}"
