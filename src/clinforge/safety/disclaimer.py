"""The disclaimer and the AI label that stand on every answer.

The label follows the Measures for Labelling AI-generated Synthetic Content (《人工智能生成合成内容标识办法》,
in force since 2025-09-01): words that a person sees, and metadata that a program reads. It says what was
generated and by what; it does not watermark the text, so a copy without the label cannot be recognised.
"""

from clinforge import __version__
from clinforge.records import Lang

LABELS: dict[Lang, str] = {"zh": "AI 生成内容", "en": "AI-generated content"}
DISCLAIMERS: dict[Lang, str] = {
    "zh": "仅供医疗专业人员决策参考，不是医疗器械，不能替代医生的诊断和治疗。如遇紧急情况请拨打 120。",
    "en": (
        "Decision support, not a medical device; it does not replace a clinician's diagnosis or treatment. "
        "In an emergency call 120 (China), 911 (North America) or 112 (Europe)."
    ),
}


def footer(lang: Lang) -> str:
    """The visible label and disclaimer that end an answer, in its language."""
    return f"\n\n---\n【{LABELS['zh']} / {LABELS['en']}】{DISCLAIMERS[lang]}"


def label_metadata(answer_id: str, model: str) -> dict[str, str | bool]:
    """The implicit label: who made the content, with what, and its number."""
    return {"ai_generated": True, "producer": f"clinforge/{__version__}", "model": model, "content_id": answer_id}
