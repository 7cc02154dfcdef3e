"""A drawn case in the words of the named-field template."""

from collections.abc import Iterable

from clinforge.data.facts.index import Edge
from clinforge.data.facts.pictures import Drawn
from clinforge.knowledge.graphs.hpo_profiles import Sex
from clinforge.model.prompts import not_given
from clinforge.records import Fact, Lang

SEX_WORDS: dict[Lang, dict[str, str]] = {
    "en": {"male": "male", "female": "female"},
    "zh": {"male": "男", "female": "女"},
}


def case_values(drawn: Drawn, lang: Lang) -> tuple[tuple[str, str], ...]:
    """Prompt field -> text; a field without facts says that nothing is known."""
    return (
        ("patient_info", patient_words(drawn.sex, drawn.age, lang)),
        ("symptoms", listed((edge for edge in drawn.shown if not edge.test), lang) or not_given(lang)),
        ("test_results", listed((edge for edge in drawn.shown if edge.test), lang) or not_given(lang)),
    )


def case_facts(drawn: Drawn) -> tuple[Fact, ...]:
    """The facts a case rests on."""
    stated = (drawn.stated.fact,) if drawn.stated else ()
    return (*(edge.fact for edge in drawn.shown), *stated)


def patient_words(sex: Sex, age: int | None, lang: Lang) -> str:
    """Who the patient is, without an age where none is known."""
    word = SEX_WORDS[lang][sex]
    if age is None:
        return word
    if age == 0:
        return f"{word}，不满1岁" if lang == "zh" else f"{word}, younger than 1 year"
    return f"{word}，{age}岁" if lang == "zh" else f"{word}, {age} {'year' if age == 1 else 'years'} old"


def listed(edges: Iterable[Edge], lang: Lang) -> str:
    """Objects in a row."""
    return ("、" if lang == "zh" else "; ").join(edge.object for edge in edges)
