from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, Table

from uraniborg.archive.refcat_columns import PRESETS, column_sources, convert_rows, needed_columns
from uraniborg.core.errors import UserError
from uraniborg.model.tables import declared_columns


def gaia_rows() -> Table:
    return Table(
        {
            "source_id": [11, 12, 13],
            "ra": [10.0, 20.0, np.nan],
            "dec": [1.0, 2.0, 3.0],
            "ra_error": Column([0.1, 0.2, 0.3], unit="mas"),
            "ref_epoch": [2015.5, 2015.5, 2015.5],
            "pmra": MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False], unit="arcsec/yr"),
            "phot_g_mean_mag": [15.0, 16.0, 17.0],
            "phot_g_mean_flux_over_error": [1000.0, 100.0, 10.0],
        }
    )


def test_gaia_becomes_ours() -> None:
    table = convert_rows(gaia_rows(), PRESETS["gaia_dr2"], first_row=0, epoch=None)
    assert table.colnames == list(declared_columns("ReferenceObject"))
    assert table["refObjectId"].tolist() == [11, 12]  # the third has no position
    assert table["epochMjdTai"].tolist() == [57205.875] * 2
    assert table["raErr"].tolist() == pytest.approx([0.1, 0.2])
    assert table["pmRa"][0] == pytest.approx(1000.0)
    assert np.isnan(table["pmRa"][1])
    assert table["phot_g_mean_magErr"].tolist() == pytest.approx([1.0857e-3, 1.0857e-2], rel=1e-4)
    assert np.isnan(table["parallax"]).all()
    assert str(table["pmRa"].unit) == "mas / yr"


def test_flux_in_nano_jansky_becomes_vega_magnitude() -> None:
    rows = Table({"coord_ra": [1.0], "coord_dec": [0.5], "epoch": [57388.5], "pm_ra": Column([1e-8], unit="rad")})
    rows["phot_g_mean_flux"] = Column(
        [3.631e8],
        unit="nJy",
    )
    table = convert_rows(rows, PRESETS["rubin_gaia"], first_row=7, epoch=None)
    assert table["ra"][0] == pytest.approx(np.rad2deg(1.0))
    assert table["phot_g_mean_mag"][0] == pytest.approx(10.0 - 0.105, abs=1e-3)
    assert table["pmRa"][0] == pytest.approx(np.rad2deg(1e-8) * 3.6e6)  # the file says rad for rad/yr
    assert table["refObjectId"][0] == 7


def test_given_epoch_fills_what_is_missing() -> None:
    sources = column_sources(None, {"ra": "RA", "dec": "DE"})
    rows = Table({"RA": [1.0], "DE": [2.0]})
    assert convert_rows(rows, sources, first_row=0, epoch=2000.0)["epochMjdTai"][0] == 51544.5
    assert len(convert_rows(rows, sources, first_row=0, epoch=None)) == 0


def test_columns_chosen_win_over_the_preset() -> None:
    sources = column_sources("gaia_dr2", {"phot_g_mean_mag": "G"})
    rows = gaia_rows()
    rows["G"] = [1.0, 2.0, 3.0]
    assert convert_rows(rows, sources, first_row=0, epoch=None)["phot_g_mean_mag"].tolist() == [1.0, 2.0]


def test_columns_that_are_read() -> None:
    wanted = needed_columns(["ra", "dec", "ref_epoch", "colour"], PRESETS["gaia_dr2"], where="f", epoch=None)
    assert wanted == ["dec", "ra", "ref_epoch"]
    assert needed_columns(["ra", "dec"], PRESETS["gaia_dr2"], where="f", epoch=2016.0) == ["dec", "ra"]
    with pytest.raises(UserError, match=r"f: no column 'ra' for ra, no column 'ref_epoch' for epochMjdTai; it has"):
        needed_columns(["dec"], PRESETS["gaia_dr2"], where="f", epoch=None)


def test_faults_are_told() -> None:
    with pytest.raises(UserError, match="no preset 'hipparcos'"):
        column_sources("hipparcos", None)
    with pytest.raises(UserError, match="'colour' is not a column of ReferenceObject"):
        column_sources(None, {"colour": "B-V"})
    rows = gaia_rows()
    rows["ra_error"].unit = "mag"
    with pytest.raises(UserError, match="column 'ra_error' has unit mag, expected mas"):
        convert_rows(rows, PRESETS["gaia_dr2"], first_row=0, epoch=None)
