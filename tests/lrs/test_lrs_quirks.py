"""docs/reference/lrs.md tells every quirk as the source has it, and none besides."""

from __future__ import annotations

import re

from connector.lrs import quirks
from tests.docs.pages import read, section


def told(quirk: quirks.Quirk) -> str:
    value = str(quirk.value).lower() if isinstance(quirk.value, bool) else quirk.value
    return (f"`{quirk.setting}: {value}`: " if quirk.setting else "") + f"{quirk.says} ({quirk.evidence})"


def test_the_page_has_every_product_with_every_quirk() -> None:
    page = section(read("lrs.md"), "## Products")
    assert re.findall(r"^### `([^`]+)`$", page, re.MULTILINE) == [one for one in quirks.PRODUCTS if one != "other"]
    for product, known in quirks.PRODUCTS.items():
        if product != "other":
            lines = re.findall(r"^- (.+)$", section(page, f"### `{product}`"), re.MULTILINE)
            assert lines == [told(quirk) for quirk in known]
