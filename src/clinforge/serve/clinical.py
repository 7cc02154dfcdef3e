"""/diagnose and /analyze: questions in named fields and in free text."""

from fastapi import APIRouter, Request
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from clinforge.errors import InputError
from clinforge.model.base import Sampling
from clinforge.model.prompts import all_prompts, not_given
from clinforge.records import Completion, Conversation, Lang
from clinforge.safety.triage import Triage
from clinforge.serve import guardrails
from clinforge.serve.engine import Engine
from clinforge.serve.schemas import (
    AnalyzeRequest,
    AnalyzeResponse,
    DiagnoseRequest,
    DiagnoseResponse,
    Suggestion,
)
from clinforge.serve.settings import ServeSettings

EMERGENCY_DEPARTMENT: dict[Lang, str] = {"zh": "急诊科", "en": "Emergency Department"}


def clinical_routes(engine: Engine, settings: ServeSettings) -> APIRouter:
    """The routes over an engine."""
    router = APIRouter(tags=["clinical"])

    @router.post("/diagnose")
    async def diagnose(question: DiagnoseRequest, request: Request) -> DiagnoseResponse:
        """Suggest diagnoses and a department for a case; an emergency is answered with advice alone."""
        texts = [question.patient_info, question.symptoms, question.test_results]
        guardrails.check_texts(texts, settings)
        verdict = guardrails.triage_history(["\n".join(texts)])
        request.state.triage_level = verdict.level
        lang = question.lang or verdict.lang
        labels = guardrails.label_fields(verdict, guardrails.new_id("diag"), engine.default, lang)
        if verdict.emergency:
            return _to_emergency_department(labels, lang)
        suggestions = await run_in_threadpool(_suggest, engine, question, lang, settings.suggestions)
        department, basis = await run_in_threadpool(_department, engine, question, lang, suggestions)
        return DiagnoseResponse.model_validate(
            {**labels, "suggestions": suggestions, "department": department, "department_basis": basis}
        )

    @router.post("/analyze")
    async def analyze(question: AnalyzeRequest, request: Request) -> AnalyzeResponse:
        """Answer a text in words; an emergency is answered with advice alone."""
        guardrails.check_texts([question.text], settings)
        verdict = guardrails.triage_history([question.text])
        request.state.triage_level = verdict.level
        labels = guardrails.label_fields(verdict, guardrails.new_id("analysis"), engine.default)
        if verdict.emergency:
            return AnalyzeResponse.model_validate({**labels, "analysis": guardrails.emergency_answer(verdict)})
        answer = await _write(engine, question, settings, request, verdict)
        return AnalyzeResponse.model_validate({**labels, "analysis": answer + guardrails.ending(verdict)})

    return router


async def _write(
    engine: Engine, question: AnalyzeRequest, settings: ServeSettings, request: Request, verdict: Triage
) -> str:
    conversation = all_prompts()[f"advice.{verdict.lang}.1"].render(symptoms=question.text)
    length = min(question.max_length, settings.max_new_tokens)
    sampling = Sampling(temperature=question.temperature, max_new_tokens=length)
    return (await complete(engine, engine.default, conversation, sampling, request)).text


async def complete(
    engine: Engine, model: str, conversation: Conversation, sampling: Sampling, request: Request
) -> Completion:
    """A whole answer; when the client leaves, the engine stops and the answer so far is marked `cancelled`."""
    stream = engine.stream(model, conversation, sampling)
    pieces: list[str] = []
    try:
        async for piece in iterate_in_threadpool(stream):
            if isinstance(piece, Completion):
                return piece
            pieces.append(piece)
            if await request.is_disconnected():
                break
    finally:
        await run_in_threadpool(stream.close)  # pyright: ignore[reportAttributeAccessIssue] -- it is a generator
    return Completion(text="".join(pieces), finish_reason="cancelled", prompt_tokens=0, completion_tokens=len(pieces))


def _to_emergency_department(labels: dict[str, object], lang: Lang) -> DiagnoseResponse:
    return DiagnoseResponse.model_validate(
        {**labels, "suggestions": [], "department": EMERGENCY_DEPARTMENT[lang], "department_basis": "triage"}
    )


def _suggest(engine: Engine, question: DiagnoseRequest, lang: Lang, count: int) -> list[Suggestion]:
    labels = engine.labels.get(lang)
    if engine.models and (labels is None or not labels.diagnoses):
        raise InputError(f"This bundle was not taught diagnoses in '{lang}'.")
    conversation = all_prompts()[f"diagnosis.{lang}.1"].render(
        patient_info=question.patient_info or not_given(lang),
        symptoms=question.symptoms,
        test_results=question.test_results or not_given(lang),
    )
    departments = labels.diagnoses if labels else {}
    chosen = engine.choose(engine.default, conversation, list(departments), count)
    return [
        Suggestion(diagnosis=name, department=departments[name], probability=probability)
        for name, probability in chosen
    ]


def _department(
    engine: Engine, question: DiagnoseRequest, lang: Lang, suggestions: list[Suggestion]
) -> tuple[str, str]:
    departments = engine.labels[lang].departments
    if departments and f"department.{lang}.1" in all_prompts():
        conversation = all_prompts()[f"department.{lang}.1"].render(symptoms=question.symptoms)
        return engine.choose(engine.default, conversation, departments, 1)[0][0], "model"
    return suggestions[0].department, "knowledge"
