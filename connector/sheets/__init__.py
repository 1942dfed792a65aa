"""Reads sheets that people keep: rows with their place, findings by cell. Knows no column's meaning."""

from connector.sheets.delimited import read_csv
from connector.sheets.either import read_sheet
from connector.sheets.rows import Sheet, SheetRow

__all__ = ["Sheet", "SheetRow", "read_csv", "read_sheet"]
