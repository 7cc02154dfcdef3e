"""One page about one run, for engineers, hospital IT and doctors.

Evaluation ─┐
losses      ├─▶ RunReport ─▶ report.json
data, ...  ─┘        └─ render ─▶ report.html (words.toml, page.html.jinja, page.css; no outside requests)
"""

from clinforge.evaluate.report.model import DataRow, LossPoint, RunReport, SourceRow
from clinforge.evaluate.report.render import render_report, write_report

__all__ = ["DataRow", "LossPoint", "RunReport", "SourceRow", "render_report", "write_report"]
