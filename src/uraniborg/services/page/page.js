"use strict";
// The page for people: it speaks TAP like any other client, and shows texts of others only as text.
const $ = (id) => document.getElementById(id);
const make = (tag, text = "", attributes = {}) => Object.assign(document.createElement(tag), { textContent: text }, attributes);
const UWS = "http://www.ivoa.net/xml/UWS/v1.0";
let running = null;

function headers() {
  const token = $("token").value.trim();
  return token ? { Authorization: "Bearer " + token } : {};
}

async function ask(path, options = {}) {
  const reply = await fetch(path, { ...options, headers: headers() });
  if (!reply.ok) {
    const text = await reply.text();
    const xml = new DOMParser().parseFromString(text, "text/xml");
    const info = xml.querySelector("INFO");
    throw new Error(info ? info.textContent : text);
  }
  return reply;
}

function form(values) {
  return new URLSearchParams(Object.entries({ LANG: "ADQL", ...values }));
}

function fail(error) {
  $("error").hidden = !error;
  $("error").textContent = error ? error.message : "";
}

async function run(event) {
  event.preventDefault();
  fail(null);
  $("answer").replaceChildren();
  $("summary").textContent = "running ...";
  const format = $("format").value;
  running = new AbortController();
  $("stop").hidden = false;
  const start = performance.now();
  try {
    const body = form({ QUERY: $("query").value, RESPONSEFORMAT: format, MAXREC: $("maxrec").value || "1000" });
    const reply = await ask("tap/sync", { method: "POST", body, signal: running.signal });
    if (format === "json") {
      const answer = await reply.json();
      show(answer, performance.now() - start);
    } else {
      save(await reply.blob(), "result." + (format === "votable" ? "vot" : format));
      $("summary").textContent = `saved, ${((performance.now() - start) / 1000).toFixed(2)} s`;
    }
  } catch (error) {
    $("summary").textContent = error.name === "AbortError" ? "stopped" : "";
    if (error.name !== "AbortError") fail(error);
  }
  $("stop").hidden = true;
}

function save(blob, name) {
  const link = make("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function show(answer, milliseconds) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const column of answer.metadata) {
    const cell = make("th", column.name, { title: column.description || "" });
    cell.append(make("small", column.unit || "\u00a0"));
    head.append(cell);
  }
  const body = table.createTBody();
  for (const values of answer.data.slice(0, 1000)) {
    const row = body.insertRow();
    for (const value of values) row.insertCell().textContent = value === null ? "" : String(value);
  }
  $("answer").replaceChildren(table);
  const more = answer.status === "OVERFLOW" ? ", and there are more: raise Rows or run a job" : "";
  $("summary").textContent = `${answer.data.length} rows in ${(milliseconds / 1000).toFixed(2)} s${more}`;
}

async function runJob() {
  fail(null);
  const format = $("format").value === "json" ? "votable" : $("format").value;
  try {
    await ask("tap/async", { method: "POST", body: form({ QUERY: $("query").value, RESPONSEFORMAT: format, PHASE: "RUN" }) });
    await jobs();
  } catch (error) { fail(error); }
}

const text = (node, name) => { const found = node.getElementsByTagNameNS(UWS, name)[0]; return found ? found.textContent : ""; };

async function jobs() {
  try {
    const list = new DOMParser().parseFromString(await (await ask("tap/async?LAST=20")).text(), "text/xml");
    const table = make("table");
    for (const ref of list.getElementsByTagNameNS(UWS, "jobref")) {
      const path = "tap/async/" + encodeURIComponent(ref.getAttribute("id"));
      const job = new DOMParser().parseFromString(await (await ask(path)).text(), "text/xml");
      row(table.insertRow(), path, job);
    }
    $("jobs").replaceChildren(table.rows.length ? table : make("p", "none"));
  } catch (error) { $("jobs").replaceChildren(make("p", error.message)); }
}

function row(line, path, job) {
  const phase = text(job, "phase");
  const query = [...job.getElementsByTagNameNS(UWS, "parameter")].find((p) => p.id === "QUERY" || p.getAttribute("id") === "QUERY");
  const progress = job.getElementsByTagName("progress")[0];
  line.insertCell().textContent = text(job, "creationTime").slice(0, 19).replace("T", " ");
  line.insertCell().textContent = phase;
  const state = line.insertCell();
  if (phase === "EXECUTING" && progress) {
    const bar = make("progress");
    if (progress.getAttribute("fraction")) bar.value = Number(progress.getAttribute("fraction"));
    state.append(bar, make("span", ` ${progress.getAttribute("rows")} rows`));
  } else if (phase === "COMPLETED" && progress) state.textContent = progress.getAttribute("rows") + " rows";
  else if (phase === "ERROR") state.textContent = text(job, "message").split("\n")[0].slice(0, 80);
  const shown = line.insertCell();
  shown.textContent = (query ? query.textContent : "").replace(/\s+/g, " ").slice(0, 60);
  shown.title = query ? query.textContent : "";
  const actions = line.insertCell();
  const button = (label, action) => {
    const made = make("button", label, { type: "button" });
    made.addEventListener("click", async () => { try { await action(); await jobs(); } catch (error) { fail(error); } });
    actions.append(made);
  };
  if (phase === "COMPLETED") button("Save", async () => {
    const reply = await ask(path + "/results/result");
    const name = /filename="([^"]+)"/.exec(reply.headers.get("content-disposition") || "");
    save(await reply.blob(), name ? name[1] : "result");
  });
  if (["PENDING", "QUEUED", "EXECUTING"].includes(phase))
    button("Stop", () => ask(path + "/phase", { method: "POST", body: form({ PHASE: "ABORT" }) }));
  button("Delete", () => ask(path, { method: "DELETE" }));
}

async function tables() {
  const xml = new DOMParser().parseFromString(await (await ask("tap/tables")).text(), "text/xml");
  const box = $("tables");
  box.replaceChildren();
  for (const table of xml.getElementsByTagName("table")) {
    const name = table.getElementsByTagName("name")[0].textContent;
    const details = make("details");
    const about = [...table.children].find((node) => node.tagName === "description");
    details.append(make("summary", name, { title: about ? about.textContent : "" }));
    const list = make("ul");
    for (const column of table.getElementsByTagName("column")) {
      const get = (tag) => { const found = column.getElementsByTagName(tag)[0]; return found ? found.textContent : ""; };
      const item = make("li", get("name"), { title: get("description") });
      item.append(make("small", " " + [get("dataType"), get("unit")].filter(Boolean).join(", ")));
      item.addEventListener("click", () => { $("query").setRangeText(get("name"), $("query").selectionStart, $("query").selectionEnd, "end"); $("query").focus(); });
      list.append(item);
    }
    details.append(list);
    box.append(details);
  }
}

async function examples() {
  const xml = new DOMParser().parseFromString(await (await ask("tap/examples")).text(), "application/xhtml+xml");
  for (const example of xml.querySelectorAll('[typeof="example"]')) {
    const option = make("option", example.querySelector('[property="name"]').textContent);
    option.value = example.querySelector('[property="query"]').textContent;
    $("examples").append(option);
  }
  if (!$("query").value && $("examples").options.length > 2) $("query").value = $("examples").options[2].value;
}

async function begin() {
  fail(null);
  try { await tables(); await examples(); } catch (error) { fail(error); }
  await jobs();
}

$("token").value = sessionStorage.getItem("token") || "";
$("token").addEventListener("change", () => { sessionStorage.setItem("token", $("token").value.trim()); begin(); });
$("form").addEventListener("submit", run);
$("query").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event); });
$("stop").addEventListener("click", () => running && running.abort());
$("job").addEventListener("click", runJob);
$("examples").addEventListener("change", () => { if ($("examples").value) $("query").value = $("examples").value; });
const here = location.origin + location.pathname.replace(/\/$/, "");
$("address").textContent = here + "/tap";
$("pyvo").textContent = `pyvo.dal.TAPService("${here}/tap")`;
begin();
setInterval(() => document.hidden || jobs(), 3000);
