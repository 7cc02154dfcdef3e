"""CMeKG, a Chinese medical knowledge graph, as the package PyCMeKG carries it.

The data file is a pickle. A pickle can run code while it is loaded, so three locks stand before it: the file must have
the pinned SHA-256, the package is never imported, and the unpickler refuses every reference to code.

Used: symptoms, departments, ICD-10 codes, aliases, English names, examinations, drug treatments, indications, and the
group of people mostly affected. Not used: prices, regulatory and dosing predicates; they are dated (2019), unsourced
and, where checked, partly wrong.
"""

import pickle  # nosec - see RestrictedUnpickler
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from clinforge.errors import InputError
from clinforge.knowledge.graphs.package_files import package_folder, pinned_file

REQUIREMENT = "PyCMeKG==0.2.5"
SHA256 = "eb0ab98b384b4272feead720bbb5f262715973589004d8a5093c5020d954c4b5"

SYMPTOM_PREDICATES = ("常见症状", "临床症状及体征")
DEPARTMENT = "就诊科室"
ICD10 = "ICD10"
ALIAS = "别称"
ENGLISH = "英文名称"
EXAMINATION = "检查"
DRUG = "药物治疗"
INDICATION = "适应症"
GROUP = "多发群体"
OTHER_NAMES = (ALIAS, ENGLISH, "英文名", "英文别称", "英文别名", "同义词")
"""Names under which a disease is found; only `ALIAS` and `ENGLISH` are taught as facts."""
RELATIONS = (DEPARTMENT, ICD10, EXAMINATION, DRUG, INDICATION, GROUP, *OTHER_NAMES)

MAX_SYMPTOM_CHARACTERS = 12
MAX_VALUE_CHARACTERS = 20
_CODE = re.compile(r"[A-Z]\d\d(\.\w+)?$")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9 ,'()/-]{3,80}$")
_TEST = re.compile(
    r"[检查测镜图超]|试验|造影|化验|培养|扫描|穿刺|平片|分析|常规|血象|骨髓象|CT|MRI|MRA|X线|PET|抗体|涂片|共振"
)
_SEVERAL = re.compile(r"[、，,；;：:。/]|以及|或者|伴有")
_TRAILING_ET_CETERA = re.compile(r"等.{0,2}$")
_HEADING = re.compile(
    r"(系统|症状|体征|表现|并发症|部位|改变|[一二三四早中晚]期)$|^[一二三四五六七八九十\d]+[.、期度级]|[（(【\[]"
)

Graph = Mapping[str, Mapping[str, list[str]]]


class RestrictedUnpickler(pickle.Unpickler):
    """Loads strings, lists and dicts; refuses anything that names a class or function."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        """Refuse: no legitimate CMeKG file refers to code."""
        raise pickle.UnpicklingError(f"The file refers to code ({module_name}.{global_name}); refused.")


@dataclass(frozen=True)
class CmekgDisease:
    """One disease after cleaning. Tuples are sorted, so equal data gives equal order."""

    name: str
    symptoms: tuple[tuple[str, str], ...]
    """(predicate, symptom) pairs, each symptom once."""
    departments: tuple[str, ...]
    icd10: tuple[str, ...]
    aliases: tuple[str, ...]
    english: tuple[str, ...]


@dataclass(frozen=True)
class Cmekg:
    """The cleaned graph and what cleaning dropped, by reason."""

    num_subjects: int
    diseases: Mapping[str, CmekgDisease]
    dropped: Mapping[str, int]


def load_cmekg() -> Cmekg:
    """Read the installed graph (one second); MissingError when it is absent, UserError when not the pinned one."""
    return _installed()[0]


def load_relations() -> Graph:
    """Subject -> predicate -> values of the installed graph, `RELATIONS` alone; values as the source has them."""
    return _installed()[1]


@cache
def _installed() -> tuple[Cmekg, Graph]:
    rows = read_graph(pinned_file(_data_path(), SHA256, REQUIREMENT))
    picked = {name: {key: rows[name][key] for key in RELATIONS if key in rows[name]} for name in sorted(rows)}
    return clean(rows), picked


def read_graph(path: Path) -> Graph:
    """Unpickle subject -> predicate -> objects without the possibility of running code."""
    with path.open("rb") as file:
        return _plain(file, path)


def clean(graph: Graph) -> Cmekg:
    """Keep subjects that have symptoms and a department; count every symptom that is dropped, with the reason."""
    dropped: Counter[str] = Counter()
    diseases: dict[str, CmekgDisease] = {}
    for name in sorted(graph):
        row = graph[name]
        symptoms: dict[str, str] = {}
        for predicate in SYMPTOM_PREDICATES:
            for text in row.get(predicate, []):
                reason = fault_of_symptom(text)
                if reason:
                    dropped[f"symptom: {reason}"] += 1
                else:
                    symptoms.setdefault(text.strip(), predicate)
        if not symptoms:
            is_disease = any(predicate in row for predicate in SYMPTOM_PREDICATES)
            dropped["subject: no usable symptom" if is_disease else "subject: not a disease with symptoms"] += 1
            continue
        diseases[name] = CmekgDisease(
            name=name,
            symptoms=tuple(sorted((predicate, text) for text, predicate in symptoms.items())),
            departments=tuple(sorted(set(row.get(DEPARTMENT, [])))),
            icd10=tuple(sorted(set(row.get(ICD10, [])))),
            aliases=tuple(sorted(set(row.get(ALIAS, [])))),
            english=tuple(sorted(set(row.get(ENGLISH, [])))),
        )
    return Cmekg(len(graph), diseases, dict(dropped))


def fault_of_symptom(text: str) -> str:
    """Why a symptom value cannot be used, or '' if it can. Most faults are leftovers of automatic extraction."""
    text = text.strip()
    checks = (
        (len(text) <= 1, "one character"),
        (len(text) > MAX_SYMPTOM_CHARACTERS, f"longer than {MAX_SYMPTOM_CHARACTERS} characters"),
        (bool(_TRAILING_ET_CETERA.search(text)), "ends in 'et cetera'"),
        (bool(_SEVERAL.search(text)), "several items in one"),
        (bool(_HEADING.search(text)), "a heading, not a symptom"),
    )
    return next((reason for failed, reason in checks if failed), "")


def fault_of_value(predicate: str, text: str) -> str:
    """Why a value of a predicate other than symptoms cannot be used, or '' if it can."""
    text = text.strip()
    if predicate == ICD10:
        return "" if _CODE.match(text) else "not a code"
    if predicate == ENGLISH:
        return "" if _LATIN.match(text) else "not a name in Latin letters"
    checks = (
        (len(text) <= 1, "one character"),
        (len(text) > MAX_VALUE_CHARACTERS, f"longer than {MAX_VALUE_CHARACTERS} characters"),
        (bool(_TRAILING_ET_CETERA.search(text)), "ends in 'et cetera'"),
        (bool(_SEVERAL.search(text)), "several items in one"),
        (predicate == EXAMINATION and not _TEST.search(text), "not the name of a test"),
        ("安慰剂" in text, "a placebo"),
    )
    return next((reason for failed, reason in checks if failed), "")


def _data_path() -> Path:
    return package_folder("pyCMeKG", REQUIREMENT) / "model" / "cmekg.pkl"


def _plain(file: BinaryIO, path: Path) -> Graph:
    try:
        value: object = RestrictedUnpickler(file).load()
    except (pickle.UnpicklingError, EOFError, ValueError) as error:
        raise InputError(f"{path} is not a plain knowledge graph: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} holds a {type(value).__name__}, not a graph.")
    return cast("Graph", value)
