// Asks without leaving the page: posts the question, reads the event stream, and fills clones of
// the templates that the server rendered. Text enters the page as text only. Nothing is shown of an
// answer before its entry is in the record: the server sends sentences only after that.

const BUFFER_CHARS_MAX = 8_000_000; // one event holds at most the evidence of one question

const form = document.querySelector("[data-ask]");
const result = document.querySelector("[data-result]");
const progress = document.querySelector("[data-progress]");
const problem = document.querySelector("[data-problem]");
const recent = document.querySelector("[data-recent]");
const live = document.querySelector("[data-live]");
const stop = form.querySelector("[data-stop]");
const send = form.querySelector("[type=submit]");
const csrf = document.querySelector('meta[name="csrf-token"]').content;

/** The question being answered, if any. */
let asking = null;

const template = (name) => document.querySelector(`template[data-template="${name}"]`);
const clone = (name) => template(name).content.firstElementChild.cloneNode(true);
const slot = (node, name) => node.querySelector(`[data-slot="${name}"]`);
const put = (node, name, text) => (slot(node, name).textContent = text ?? "");
const show = (node, visible = true) => (node.hidden = !visible);

/** Parses a text/event-stream. Source: HTML Standard, "Parsing an event stream". */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let name = "";
  let lines = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    if (buffer.length > BUFFER_CHARS_MAX) throw new Error("the answer is too long to show");
    // A carriage return at the very end may be the first half of a line end: leave it.
    const whole = buffer.split(/\r\n|\n|\r(?!$)/);
    buffer = whole.pop();
    for (const line of whole) {
      if (line === "") {
        if (lines.length > 0) yield { name: name || "message", data: lines.join("\n") };
        name = "";
        lines = [];
      } else if (!line.startsWith(":")) {
        const at = line.indexOf(":");
        const field = at < 0 ? line : line.slice(0, at);
        const text = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
        if (field === "event") name = text;
        if (field === "data") lines.push(text);
      }
    }
  }
}

// ---- Phases ----

/** Marks a step as begun; `over` where the answer is in the record, and no step is left. */
function phase(name, over = false) {
  const steps = [...progress.querySelectorAll("[data-phase]")];
  const at = steps.findIndex((step) => step.dataset.phase === name);
  if (at < 0 || at < asking.phase) return;
  if (over) live.textContent = "Sealed in the record.";
  const now = performance.now();
  if (at !== asking.phase) {
    if (asking.phase >= 0) seconds(steps[asking.phase], now - asking.since);
    asking.phase = at;
    asking.since = now;
    if (!over) live.textContent = steps[at].dataset.says;
  }
  steps.forEach((step, index) => {
    step.toggleAttribute("data-done", index < at || over);
    if (index === at && !over) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
}

const seconds = (step, ms) => {
  step.querySelector("[data-seconds]").textContent = `${(ms / 1000).toFixed(1)} s`;
};

function startPhases() {
  for (const step of progress.querySelectorAll("[data-phase]")) {
    step.removeAttribute("aria-current");
    step.removeAttribute("data-done");
    step.querySelector("[data-seconds]").textContent = "";
  }
  show(progress);
  phase("permit");
}

// ---- Evidence, sentences, receipt ----

const viewerAt = (document, page, span) =>
  `/documents/${encodeURIComponent(document)}?page=${Number(page)}` +
  (span ? `&span=${Number(span.start)}-${Number(span.end)}` : "") +
  `&query=${encodeURIComponent(asking.query)}`;

function showEvidence(items) {
  const list = slot(asking.article, "sources");
  list.replaceChildren();
  asking.evidence = items;
  for (const item of items) {
    const node = clone("source");
    const first = item.spans?.[0] ?? item;
    put(node, "title", item.title);
    slot(node, "title").href = viewerAt(item.document, item.page, first);
    put(node, "page", item.page);
    put(node, "text", item.text);
    list.append(node);
  }
  show(slot(asking.article, "no-sources"), items.length === 0);
}

/** The place in the list of sources that holds a citation, from 0. */
function sourceOf(citation) {
  const at = asking.evidence.findIndex(
    (item) =>
      item.document === citation.document &&
      (item.spans ?? [item]).some(
        (span) =>
          span.page === citation.page && span.start <= citation.start && citation.end <= span.end,
      ),
  );
  return at < 0 ? asking.evidence.length : at;
}

function showSentence(sentence) {
  const node = clone("sentence");
  const citations = slot(node, "citations");
  const blank = citations.querySelector("[data-citation]");
  node.dataset.verdict = sentence.verdict;
  put(node, "verdict", template("sentence").dataset[sentence.verdict]);
  put(node, "text", sentence.text);
  citations.replaceChildren();
  for (const citation of sentence.citations) {
    const link = blank.cloneNode(true);
    const at = sourceOf(citation);
    link.href = viewerAt(citation.document, citation.page, citation);
    link.title = `${citation.title}, page ${citation.page}: ${citation.quote}`;
    put(link, "number", at + 1);
    put(link, "place", `, ${citation.title}, page ${citation.page}`);
    const sure = Math.round((citation.confidence ?? 0) * 100);
    put(link, "sure", ` · read by recognition, ${sure} % sure`);
    show(slot(link, "sure"), citation.confidence !== undefined);
    citations.append(link);
    slot(asking.article, "sources").children[at]?.toggleAttribute("data-cited", true);
  }
  asking.article.removeAttribute("data-waiting");
  slot(asking.article, "sentences").append(node);
}

function showEntry(name, index) {
  const node = slot(asking.article, name);
  node.textContent = index ?? "none";
  if (node.hasAttribute("data-entry")) node.dataset.entry = index ?? "";
  if (node instanceof HTMLAnchorElement && index != null) node.href = `/audit/${Number(index)}`;
}

function showReceipt(answer) {
  const { article } = asking;
  const entries = answer.entries ?? {};
  article.dataset.query = answer.query ?? "";
  showEntry("received", entries.received);
  showEntry("retrieval", entries.retrieval);
  show(slot(article, "retrieval-part"), entries.retrieval != null);
  showEntry("terminal", entries.terminal);
  put(article, "query", answer.query);
  put(article, "policy", answer.policy);
  put(article, "encoder", answer.models?.encoder);
  put(article, "generator", answer.models?.generator);
  put(article, "prompt-tokens", answer.usage?.prompt_tokens ?? 0);
  put(article, "completion-tokens", answer.usage?.completion_tokens ?? 0);
  for (const step of article.querySelectorAll("[data-timing]")) {
    step.textContent = answer.timings_ms?.[step.dataset.timing] ?? 0;
  }
  show(slot(article, "receipt"), entries.terminal != null);
}

/** The end of an answer: its receipt, and what is said where nothing is released. */
function finish(answer, outcome) {
  const { article } = asking;
  article.removeAttribute("data-waiting");
  article.dataset.outcome = outcome;
  if (answer.evidence && asking.evidence.length === 0) showEvidence(answer.evidence);
  if (slot(article, "sentences").childElementCount === 0) {
    (answer.sentences ?? []).forEach(showSentence);
  }
  if (outcome === "answered") {
    show(slot(article, "authorship"));
    show(slot(article, "verbatim"), answer.mode === "verbatim");
    show(slot(article, "written"), answer.mode !== "verbatim");
  } else {
    const node = clone(outcome);
    const reason = answer.reason ?? answer.detail;
    put(node, "reason", reason);
    show(slot(node, "reason-line"), Boolean(reason));
    slot(article, "outcome").replaceChildren(node);
  }
  show(slot(article, "no-sources"), asking.evidence.length === 0);
  const withheld = answer.withheld?.passages ?? 0;
  put(article, "withheld", withheld);
  show(slot(article, "withheld-line"), withheld > 0);
  showReceipt(answer);
  if (answer.entries?.terminal != null) phase("sealed", true);
  show(progress, outcome === "answered");
  const said = slot(article, "outcome").querySelector("h3");
  if (said) live.textContent = said.textContent;
  form.elements.question.value = "";
  document.title = `${slot(article, "question").textContent} · Affiant`;
  // A question that was denied or failed has no answer to come back to.
  const opens = outcome === "answered" || outcome === "refused";
  if (opens && answer.query) history.pushState(null, "", `/ask/${encodeURIComponent(answer.query)}`);
  asking.finished = true;
}

function showProblem(title, detail, request) {
  asking.finished = true;
  asking.article.remove();
  show(progress, false);
  put(problem, "title", title);
  put(problem, "detail", detail);
  put(problem, "request", request);
  show(slot(problem, "request-line"), Boolean(request));
  show(problem);
}

/** An RFC 9457 problem: one with entries is an outcome with a receipt, any other is an error. */
function fail(body) {
  if (body.entries?.terminal != null && body.status === 403) return finish(body, "denied");
  if (body.entries?.terminal != null && body.status === 503) return finish(body, "failed");
  if (body.status === 401) {
    return showProblem(
      "Your session has ended",
      "Sign in again in another tab, then press Ask: your question is still here.",
      body.instance,
    );
  }
  showProblem(body.title ?? "The question was not taken", body.detail, body.instance);
}

function take({ name, data }) {
  const body = JSON.parse(data);
  if (name === "progress") {
    asking.query = body.query;
    phase(body.phase);
  }
  if (name === "evidence") {
    showEvidence(body.evidence);
    phase("reading");
  }
  if (name === "sentence") {
    phase("sealed", true);
    showSentence(body);
  }
  if (name === "released") finish(body, "answered");
  if (name === "refused") finish(body, "refused");
  if (name === "problem") fail(body);
}

async function ask(question) {
  const body = { question };
  for (const name of ["matter", "patient", "purpose"]) {
    const value = form.elements[name].value.trim();
    if (value) body[name] = value;
  }
  const reply = await fetch("/api/v1/queries", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
    signal: asking.abort.signal,
  });
  const type = reply.headers.get("Content-Type") ?? "";
  if (type.startsWith("text/event-stream")) {
    for await (const event of events(reply.body)) take(event);
  } else if (type.startsWith("application/problem+json")) {
    fail({ status: reply.status, ...(await reply.json()) });
  } else {
    showProblem("The question was not taken", `The appliance answered ${reply.status}.`);
  }
  if (!asking.finished) showProblem("The answer was cut off", "Ask again; what was recorded stays in the record.");
}

async function submit(event) {
  event.preventDefault();
  const question = form.elements.question.value.trim();
  if (asking || !question) return;
  const article = clone("answer");
  put(article, "question", question);
  article.setAttribute("data-waiting", "");
  article.setAttribute("data-streamed", "");
  if (recent) show(recent, false);
  result.replaceChildren(article);
  document.getElementById("title").classList.add("unseen");
  show(problem, false);
  show(stop);
  send.disabled = true;
  asking = { article, query: "", evidence: [], phase: -1, since: performance.now(), abort: new AbortController(), finished: false };
  startPhases();
  try {
    await ask(question);
  } catch (error) {
    if (error.name === "AbortError") showProblem("Stopped", "The question stays in the record.");
    else if (!asking.finished) showProblem("The appliance did not answer", "See whether it is running, then ask again.");
  } finally {
    asking = null;
    show(stop, false);
    send.disabled = false;
  }
}

form.addEventListener("submit", submit);
stop.addEventListener("click", () => asking?.abort.abort());
form.elements.question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
addEventListener("popstate", () => location.reload());
