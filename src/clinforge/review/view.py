"""What a reviewer is shown of an item: its content, what it rests on, and where that comes from. Plain JSON."""

from typing import Any

from clinforge.knowledge.licences import licence_of
from clinforge.records import Fact, Sample
from clinforge.review.material import Material
from clinforge.verdicts import Key

SHOWN_SAMPLES = 3
_SHOWN_FIELDS = frozenset({"id", "prompt", "answer", "options", "fact_ids", "source", "licence"})


def view_of(material: Material, key: Key) -> dict[str, Any]:
    """The view of a fact or a sample of the dataset."""
    item, item_id = key
    if item == "fact":
        return {"item": item, "item_id": item_id, **_fact(material, material.facts[item_id])}
    return {"item": item, "item_id": item_id, **_sample(material, material.samples[item_id])}


def readable(material: Material, key: Key) -> str:
    """An item as one text, for tools that show no more than that."""
    view = view_of(material, key)
    if view["item"] == "fact":
        lines = [_statement(view["fact"])]
    else:
        lines = [f"{turn['role']}: {turn['content']}" for turn in view["prompt"]]
        lines += [f"- {option}" for option in view["options"]]
        lines += [f"answer: {view['answer']}"]
        lines += [f"fact: {_statement(fact)}" for fact in view["facts"]]
    lines += [f"source: {source['name']} ({source['licence']})" for source in view["sources"]]
    return "\n".join(lines)


def _fact(material: Material, fact: Fact) -> dict[str, Any]:
    resting = material.samples_of.get(fact.id, [])
    examples = [material.samples[one] for one in resting[:SHOWN_SAMPLES]]
    return {
        "fact": fact.model_dump(),
        "current": fact.object,
        "num_samples": len(resting),
        "examples": [{"prompt": sample.prompt[-1].content, "answer": sample.answer} for sample in examples],
        "sources": [source_of(fact.source, "")],
    }


def _sample(material: Material, sample: Sample) -> dict[str, Any]:
    facts = [material.facts[one] for one in sample.fact_ids if one in material.facts]
    named = [*([sample.source] if sample.source else []), *(fact.source for fact in facts)]
    plain = sample.model_dump(mode="json")
    return {
        "prompt": plain["prompt"],
        "answer": sample.answer,
        "current": sample.answer,
        "options": plain["options"],
        "facts": [fact.model_dump() for fact in facts],
        "sources": [source_of(source, sample.licence) for source in dict.fromkeys(named)],
        # Whatever else a kind of sample carries, such as the passage it was made from.
        "more": {name: value for name, value in plain.items() if name not in _SHOWN_FIELDS and value},
    }


def source_of(key: str, stated: str) -> dict[str, str]:
    """What is known about a source; `stated` is the licence its own rows give, for sources not in the table."""
    row = licence_of(key)
    if row is None:
        return {"key": key, "name": key, "licence": stated or "unknown", "terms": "", "version": ""}
    return {
        "key": key,
        "name": row.name,
        "licence": row.licence,
        "terms": row.terms,
        "version": f"{row.package} {row.package_version}",
    }


def _statement(fact: dict[str, Any]) -> str:
    return f"{fact['subject']} | {fact['predicate']} | {fact['object']}"
