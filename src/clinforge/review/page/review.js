// The review page. Data reaches the document as text only (textContent, value), never as markup.
"use strict";

const one = (id) => document.getElementById(id);
const state = { desk: null, at: -1, view: null, deciding: "", busy: false, lang: "en" };

// ---- words -----------------------------------------------------------------------------------------------------

function word(path, values = {}) {
  const [section, key] = path.split(".");
  const text = state.desk.words[section]?.[key]?.[state.lang] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* private windows forget; the page works all the same */ }
}

function remembered(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function translate() {
  document.documentElement.lang = state.lang === "zh" ? "zh-Hans" : "en";
  document.title = `${word("page.title")} · ClinForge`;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  one("language").lang = state.lang === "zh" ? "en" : "zh-Hans";
  one("actions").setAttribute("aria-label", word("item.own"));
  one("reviewer").textContent = word("page.reviewer", { name: state.desk.reviewer });
}

// ---- talking to the service ------------------------------------------------------------------------------------

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(word("say.lost"));
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(word("say.failed", { error: content.error }));
  return content;
}

// One thing at a time: a key pressed while something is being saved or loaded is not for the next item.
async function alone(work) {
  if (state.busy) return;
  state.busy = true;
  one("alert").textContent = "";
  try {
    await work();
  } catch (error) {
    one("alert").textContent = error.message;
  } finally {
    state.busy = false;
  }
}

// ---- drawing ---------------------------------------------------------------------------------------------------

function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

function heading(path, values) { return make("h3", word(path, values)); }

function table(rows) {
  const list = make("dl");
  for (const [name, value] of rows) list.append(make("dt", name), make("dd", value));
  return list;
}

function statement(fact) { return `${fact.subject} · ${fact.predicate} · ${fact.object}`; }

function bullets(texts) {
  const list = make("ul");
  for (const text of texts) list.append(make("li", text));
  return list;
}

function factContent(view) {
  const rows = ["subject", "predicate", "object"].map((name) => [word(`item.${name}`), view.fact[name]]);
  const main = table(rows);
  main.classList.add("big");
  const parts = [main, heading("item.rests", { count: view.num_samples })];
  parts.push(bullets(view.examples.map((example) => `${example.prompt} → ${example.answer}`)));
  return parts;
}

function sampleContent(view) {
  const parts = [];
  for (const turn of view.prompt) parts.push(heading(`item.${turn.role}`), make("p", turn.content, "text big"));
  if (view.options.length) {
    const list = make("ul");
    for (const option of view.options) {
      const chosen = option === view.answer;
      list.append(make("li", chosen ? `${option} ${word("item.is_answer")}` : option, chosen ? "is-answer" : ""));
    }
    parts.push(heading("item.options"), list);
  } else {
    parts.push(heading("item.answer"), make("p", view.answer, "text big"));
  }
  parts.push(heading("item.facts"));
  parts.push(view.facts.length ? bullets(view.facts.map(statement)) : make("p", word("item.no_facts"), "soft"));
  return parts;
}

function sourceContent(view) {
  const lines = view.sources.map((source) =>
    [source.name, source.version, source.licence, source.terms].filter(Boolean).join(" · "));
  const parts = [heading("item.source"), bullets(lines)];
  if (view.more && Object.keys(view.more).length) {
    const rows = Object.entries(view.more).map(([name, value]) =>
      [name, typeof value === "string" ? value : JSON.stringify(value)]);
    parts.push(heading("item.more"), table(rows));
  }
  return parts;
}

function verdictText(verdict) {
  const reason = state.desk.reasons.find((row) => row.key === verdict.reason);
  const parts = [word(`decision.${verdict.decision}`), reason?.[state.lang], verdict.edited, verdict.note];
  return parts.filter(Boolean).join(" · ");
}

function verdictContent(view) {
  const parts = [];
  if (view.own) parts.push(heading("item.own"), make("p", verdictText(view.own), "text"));
  if (view.others.length) {
    parts.push(heading("item.others"), bullets(view.others.map((verdict) => `${verdict.reviewer}: ${verdictText(verdict)}`)));
  }
  return parts;
}

function draw() {
  const items = state.desk.items;
  const done = items.filter((item) => item.decision).length;
  one("progress").max = Math.max(items.length, 1);
  one("progress").value = done;
  one("count").textContent = word("page.progress", { done, total: items.length });
  const { view } = state;
  one("actions").hidden = !view;
  if (!view) {
    one("item-title").textContent = word("page.empty");
    return;
  }
  const entry = items[state.at];
  const detail = state.desk.words.detail[entry.detail] ? word(`detail.${entry.detail}`) : entry.detail;
  one("position").textContent = word("page.position", { at: state.at + 1, total: items.length });
  one("item-title").textContent = word(`item.${view.item}`);
  one("why").textContent = word("item.why", { why: word(`stratum.${entry.stratum}`, { detail }) });
  one("double").hidden = !entry.double;
  const body = view.item === "fact" ? factContent(view) : sampleContent(view);
  one("content").replaceChildren(...body, ...sourceContent(view), ...verdictContent(view));
}

// ---- moving about ----------------------------------------------------------------------------------------------

async function show(at) {
  const entry = state.desk.items[at];
  const query = new URLSearchParams({ item: entry.item, item_id: entry.item_id });
  state.view = await ask(`/api/item?${query}`);
  state.at = at;
  one("said").textContent = "";
  closeForm();
  draw();
  window.scrollTo(0, 0);
  one("item").focus({ preventScroll: true });
}

function step(by) {
  const at = state.at + by;
  if (at >= 0 && at < state.desk.items.length) return show(at);
  return Promise.resolve();
}

function nextOpen() {
  const items = state.desk.items;
  for (let by = 1; by <= items.length; by += 1) {
    const at = (state.at + by) % items.length;
    if (!items[at].decision) return at;
  }
  return -1;
}

// ---- deciding --------------------------------------------------------------------------------------------------

async function save(decision, more = {}) {
  const { item, item_id } = state.view;
  await ask("/api/verdict", { item, item_id, decision, ...more });
  state.desk.items[state.at].decision = decision;
  const at = nextOpen();
  await show(at < 0 ? state.at : at);
  const said = word("say.saved", { decision: word(`decision.${decision}`) });
  one("said").textContent = at < 0 ? `${said} ${word("page.finished")}` : said;
}

async function undo() {
  const undone = await ask("/api/undo", {});
  if (!undone) {
    one("said").textContent = word("say.nothing");
    return;
  }
  const fresh = await ask("/api/desk");
  state.desk.items = fresh.items;
  const at = state.desk.items.findIndex((entry) => entry.item === undone.item && entry.item_id === undone.item_id);
  if (at >= 0) await show(at);
  else draw();
  one("said").textContent = word("say.undone");
}

function decide(decision) {
  if (decision === "accept") return alone(() => save("accept"));
  openForm(decision);
  return Promise.resolve();
}

function openForm(decision) {
  const { view } = state;
  state.deciding = decision;
  const byOption = Boolean(view.options?.length);
  one("form-title").textContent = word(`form.${decision}`);
  one("edit-text").hidden = decision !== "edit" || byOption;
  one("edit-option").hidden = decision !== "edit" || !byOption;
  for (const label of document.querySelectorAll(".edited-label")) label.textContent = word(`form.edited_${view.item}`);
  one("edited").value = view.current;
  one("option").replaceChildren(...(view.options ?? []).map((option) => make("option", option)));
  if (byOption) one("option").value = view.current;
  drawReasons(decision);
  one("note").value = "";
  one("form").hidden = false;
  one("actions").hidden = true;
  const first = decision !== "edit" ? one("reasons").querySelector("input") : byOption ? one("option") : one("edited");
  first.focus();
  one("form").scrollIntoView({ block: "nearest" });
}

function drawReasons(decision) {
  const rows = state.desk.reasons.filter((reason) => reason.decisions.includes(decision));
  one("reasons").replaceChildren(...rows.map((reason, place) => {
    const label = make("label");
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "reason";
    input.value = reason.key;
    input.required = true;
    label.append(input, make("kbd", String(place + 1)), make("span", reason[state.lang]));
    return label;
  }));
}

function closeForm() {
  state.deciding = "";
  one("form").hidden = true;
  one("actions").hidden = !state.view;
}

function submitForm() {
  if (!one("form").reportValidity()) return;
  const reason = one("reasons").querySelector("input:checked")?.value ?? "";
  const more = { reason, note: one("note").value.trim() };
  if (state.deciding === "edit") more.edited = one("edit-text").hidden ? one("option").value : one("edited").value;
  const decision = state.deciding;
  alone(() => save(decision, more));
}

// ---- keys ------------------------------------------------------------------------------------------------------

const KEYS = {
  a: () => decide("accept"),
  e: () => decide("edit"),
  r: () => decide("reject"),
  x: () => decide("escalate"),
  j: () => alone(() => step(1)),
  k: () => alone(() => step(-1)),
  u: () => alone(undo),
};

function onFormKey(event) {
  if (event.key === "Escape") {
    event.preventDefault();
    closeForm();
    one("item").focus();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.target.tagName === "SELECT")) {
    event.preventDefault();
    submitForm();
  } else if (/^[1-9]$/.test(event.key) && event.target.tagName !== "TEXTAREA") {
    const choice = one("reasons").querySelectorAll("input")[Number(event.key) - 1];
    if (choice) {
      event.preventDefault();
      choice.checked = true;
      choice.focus();
    }
  }
}

function onKey(event) {
  if (event.isComposing || one("help").open || !state.desk) return;
  if (state.deciding) {
    onFormKey(event);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !one("keys").checked) return;
  if (event.key === "?") {
    event.preventDefault();
    one("help").showModal();
    return;
  }
  const act = KEYS[event.key.toLowerCase()];
  if (act && state.view && !state.busy) {
    event.preventDefault();
    act();
  }
}

// ---- beginning -------------------------------------------------------------------------------------------------

function listen() {
  document.addEventListener("keydown", onKey);
  for (const button of document.querySelectorAll("[data-decision]")) {
    button.addEventListener("click", () => { if (!state.busy) decide(button.dataset.decision); });
  }
  one("undo").addEventListener("click", KEYS.u);
  one("previous").addEventListener("click", KEYS.k);
  one("next").addEventListener("click", KEYS.j);
  one("cancel").addEventListener("click", () => { closeForm(); one("item").focus(); });
  one("form").addEventListener("submit", (event) => { event.preventDefault(); submitForm(); });
  one("help-open").addEventListener("click", () => one("help").showModal());
  one("help-close").addEventListener("click", () => one("help").close());
  one("keys").addEventListener("change", () => remember("clinforge-keys", one("keys").checked ? "on" : "off"));
  one("language").addEventListener("click", () => {
    state.lang = state.lang === "zh" ? "en" : "zh";
    remember("clinforge-language", state.lang);
    for (const line of ["said", "alert"]) one(line).textContent = "";
    translate();
    closeForm();
    draw();
  });
}

async function begin() {
  const wished = remembered("clinforge-language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
  state.lang = wished === "zh" ? "zh" : "en";
  one("keys").checked = remembered("clinforge-keys") !== "off";
  state.desk = await (await fetch("/api/desk")).json();
  translate();
  one("simulated").hidden = !state.desk.simulated;
  listen();
  const first = nextOpen();
  if (state.desk.items.length) await show(Math.max(first, 0));
  else draw();
  if (state.desk.items.length && first < 0) one("said").textContent = word("page.finished");
}

alone(begin);
