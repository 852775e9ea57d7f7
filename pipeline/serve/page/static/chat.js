// The chat: questions that run or wait, answers as they stream, and what they lead to.
"use strict";
(() => {
  const page = window.TheodolitePage;
  const FINAL = ["done", "failed", "cancelled", "interrupted"];
  const STAGES = ["ingest", "depth", "ocr", "query", "verify", "export"];
  const queue = [];
  const scenes = new Map();
  let log = null;
  let active = null;
  let runs = 0;

  const isNear = () => log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  // On a narrow page the chat scrolls with the page.
  const isNarrow = () => matchMedia("(max-width: 69.99rem)").matches;
  const follow = (wasNear) => {
    if (wasNear) log.scrollTop = log.scrollHeight;
  };
  const setRunning = (isRunning) => {
    document.body.classList.toggle("td-running", isRunning);
    log.setAttribute("aria-busy", String(isRunning));
  };

  // One question with its answer.
  const turnElement = (title, kind) => {
    const turn = page.element("article", { class: `td-turn td-turn-${kind}` });
    const asked = page.element("div", { class: "td-asked" }, page.element("p", { dir: "auto", text: title }));
    const body = page.element("div", { class: "td-body" });
    turn.append(asked, body);
    if (kind === "ask" || kind === "opened") {
      const edit = page.element("button", { type: "button", class: "td-mini td-edit", "aria-label": page.say("edit"), title: page.say("edit") });
      edit.append(page.icon("M4 16l1-4 8-8 3 3-8 8z"));
      edit.addEventListener("click", () => editTurn(turn));
      asked.append(edit);
    }
    return turn;
  };
  const editTurn = (turn) => {
    const asked = turn.querySelector(".td-asked");
    if (asked.querySelector("textarea")) return;
    const words = asked.querySelector("p");
    const field = page.element("textarea", { rows: 2, maxlength: 4000, dir: "auto", "aria-label": page.say("question") });
    field.value = words.textContent;
    const send = page.element("button", { type: "button", class: "td-button td-primary td-small", text: page.say("edit_send") });
    const cancel = page.element("button", { type: "button", class: "td-button td-small", text: page.say("edit_cancel") });
    const form = page.element("div", { class: "td-edit-form" }, field, page.element("div", { class: "td-actions" }, send, cancel));
    const close = () => {
      form.remove();
      words.hidden = false;
      asked.querySelector(".td-edit").hidden = false;
    };
    send.addEventListener("click", () => {
      const text = field.value.trim();
      close();
      if (text) page.ask(text);
    });
    cancel.addEventListener("click", close);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send.click();
      } else if (event.key === "Escape") close();
    });
    words.hidden = true;
    asked.querySelector(".td-edit").hidden = true;
    asked.append(form);
    field.focus();
  };

  const statusLine = (text, share = null) => {
    const line = page.element("div", { class: "td-progress" }, page.element("span", { class: "td-spinner", "aria-hidden": "true" }), page.element("span", { text }));
    if (share !== null) line.append(page.element("progress", { max: 1, value: share, "aria-label": text }));
    return line;
  };
  const stageWords = (patch) => {
    if (patch.position) return page.say("js_position", { position: patch.position });
    if (!patch.stage) return page.say(patch.state === "running" ? "js_running" : "js_waiting");
    return page.say(STAGES.includes(patch.stage) ? `js_stage_${patch.stage}` : "js_stage_other");
  };

  const showTurn = (turn, part, patch, isFinal) => {
    const body = turn.querySelector(".td-body");
    if (part.title) turn.querySelector(".td-asked p").textContent = part.title;
    if (part.result) {
      if (turn.dataset.result === part.result) return;
      turn.dataset.result = part.result;
      body.innerHTML = part.html; // Escaped by the server's template.
      if (part.seconds !== undefined) {
        const time = page.element("span", { class: "td-seconds", text: page.say("js_seconds", { seconds: part.seconds.toFixed(part.seconds < 10 ? 2 : 1) }), title: part.hint || "" });
        body.querySelector(".td-actions")?.append(time);
      }
      page.tell("result", { ...part, scene: patch.scene, kind: patch.kind });
      return;
    }
    if (isFinal) {
      const words = patch.problem?.detail || page.say(patch.state === "cancelled" ? "state_cancelled" : `state_${patch.state}`);
      const text = part.text ? [page.element("p", { class: "td-prose", dir: "auto", text: part.text })] : [];
      const isBad = patch.state !== "cancelled";
      body.replaceChildren(...text, page.element("p", { class: isBad ? "td-failed" : "td-note", dir: "auto", role: isBad ? "alert" : "status", text: words }));
      return;
    }
    let stream = body.querySelector(".td-stream");
    if (!stream) {
      stream = page.element("p", { class: "td-prose td-stream", dir: "auto" });
      body.replaceChildren(stream);
    }
    stream.textContent = part.text || "";
    stream.hidden = !part.text;
    const at = STAGES.indexOf(patch.stage);
    const line = statusLine(stageWords(patch), at < 0 ? null : (at + 0.5) / STAGES.length);
    body.querySelector(".td-progress")?.remove();
    body.append(line);
  };

  // Questions run one after another, those of one line break together.
  const pump = () => {
    if (active || !queue.length || page.isUploading()) return;
    active = queue.shift();
    setRunning(true);
    page.command("run", active.sent);
  };
  page.on("uploads", () => pump());
  page.enqueue = (sent, titles) => {
    const run = { sent: { ...sent, run: String(++runs) }, turns: [], job: null };
    document.getElementById("td-empty")?.remove();
    for (const title of titles) {
      const turn = turnElement(title, sent.kind);
      turn.querySelector(".td-body").append(statusLine(page.say(active ? "js_queued" : page.isUploading() ? "js_uploads_pending" : "js_waiting")));
      log.append(turn);
      run.turns.push(turn);
    }
    if (log.childElementCount > 2) document.getElementById("td-suggestions").hidden = true;
    log.scrollTop = log.scrollHeight;
    if (isNarrow()) run.turns[0]?.scrollIntoView({ block: "start" });
    queue.push(run);
    pump();
  };
  page.on("outgoing run", ({ sent, values }) => {
    const size = page.uploads[0];
    const example = page.uploads.length && page.uploads.every((one) => one.example) ? page.uploads[0].example : null;
    sent.images = page.uploads.map((one) => one.id);
    sent.depth = page.depth.map((one) => one.id);
    sent.size = size?.width ? [size.width, size.height] : null;
    sent.camera = example?.cameraValues || null;
    sent.depth_scale = page.depth.length ? example?.depth_scale || null : null;
    sent.hints = example?.hints || null;
    if (sent.kind === "rejudge") return;
    sent.anchors = page.uploads.length ? page.anchors.map((one) => one.plain) : [];
    if (!page.uploads.length) {
      sent.scene = page.current?.scene || null;
      return;
    }
    active.key = JSON.stringify([sent.images, sent.depth, sent.size, sent.camera, sent.anchors, values.slice(1)]);
    sent.scene = scenes.get(active.key) || null;
    active.usedScene = sent.scene;
  });

  page.on("run", (patch) => {
    if (!active || patch.run !== active.sent.run) return;
    const wasNear = isNear();
    active.job = patch.job || active.job;
    if (patch.scene && active.key) scenes.set(active.key, patch.scene);
    const isFinal = FINAL.includes(patch.state);
    const isLost = isFinal && active.usedScene && [404, 410].includes(patch.problem?.status);
    if (isLost) scenes.delete(active.key);
    active.turns.forEach((turn, index) => showTurn(turn, patch.turns[index] || {}, patch, isFinal));
    follow(wasNear);
    if (isFinal) finish(patch.state);
  });
  const finish = (state) => {
    active = null;
    setRunning(false);
    if (state === "done") page.tell("finished");
    pump();
  };
  // The event is over; without a final state the connection was lost.
  page.ended = () => {
    if (!active) return;
    const patch = { state: "failed", problem: { detail: page.say("js_no_server") }, turns: [] };
    active.turns.forEach((turn) => showTurn(turn, {}, patch, true));
    finish("failed");
  };

  page.isReady = () => {
    if (page.uploads.length || page.current?.scene) return true;
    page.toast(page.say("no_images"), true);
    return false;
  };
  page.ask = (text = null, more = {}) => {
    const field = page.field("td-question");
    const words = text ?? field.value;
    const questions = words.split("\n").map((one) => one.trim()).filter(Boolean).slice(0, 8);
    if (!questions.length) {
      field.focus();
      return page.toast(page.say("no_question"), true);
    }
    if (!page.isReady()) return;
    if (text === null) page.fill("td-question", "");
    const regions = page.boxes.filter((box) => questions.some((one) => one.toLowerCase().includes(box.label.toLowerCase())));
    page.enqueue({ kind: "ask", questions, regions: regions.map(page.regionOf), ...more }, questions);
  };
  page.stop = () => {
    for (const run of queue.splice(0)) {
      run.turns.forEach((turn) => showTurn(turn, {}, { state: "cancelled" }, true));
    }
    if (active?.job) page.command("halt", { job: active.job });
  };

  page.on("opened", (patch) => {
    const [part] = patch.turns || [];
    if (!part) return page.toast(patch.problem?.detail || page.say("gone"), true);
    document.getElementById("td-empty")?.remove();
    log.querySelector(`[data-result="${CSS.escape(part.result)}"]`)?.closest(".td-turn")?.remove();
    const turn = turnElement(part.title, "opened");
    log.append(turn);
    showTurn(turn, part, patch, true);
    log.scrollTop = log.scrollHeight;
  });
  page.clearChat = () => {
    page.stop();
    log.replaceChildren(page.element("div", { class: "td-empty", id: "td-empty" }, page.element("p", { "data-t": "chat_empty", text: page.say("chat_empty") })));
  };

  const copyLink = async (path) => {
    const link = new URL(path, location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      page.toast(page.say("js_copied"));
    } catch {
      page.toast(page.say("js_copy_failed", { link }));
    }
  };
  // From a claim to the picture, and back to where the claim is.
  const showScene = (from) => {
    const back = page.element("button", { type: "button", class: "td-button td-primary td-back", text: page.say("js_back") });
    document.querySelector(".td-back")?.remove();
    back.addEventListener("click", () => {
      back.remove();
      from.scrollIntoView({ block: "center" });
      from.focus({ preventScroll: true });
    });
    document.body.append(back);
    document.getElementById("td-centre").scrollIntoView({ block: "start" });
  };
  page.mountChat = (element) => {
    page.translate(element);
    log = element.querySelector("#td-log");
    element.addEventListener("click", (event) => {
      const shared = event.target.closest("[data-share]");
      if (shared) copyLink(shared.dataset.share);
      const linked = event.target.closest(".td-pick, .td-word, .td-thing");
      if (linked && isNarrow()) showScene(linked);
      const again = event.target.closest("[data-again]");
      if (again && page.isReady()) {
        const title = again.closest(".td-turn").querySelector(".td-asked p").textContent;
        page.enqueue({ kind: "ask", questions: [title], regions: [], after: again.dataset.again }, [title]);
      }
    });
  };
})();
