// The index: rows arrive in chunks after the first paint; filters, sorting and the page live in the address.
(function () {
  "use strict";
  var STATUSES = ["supported", "refuted", "undecided"];
  // Fields of a row, as pipeline/export/report/rows.py writes them.
  var NAME = 0, ITEM = 1, QUESTION = 2, ANSWER = 3, CORRECT = 4, COUNTS = 5, RELATIONS = 6, CERTAINTY = 7, SECONDS = 8,
    THUMBNAIL = 9, JUDGED = 10, LANGUAGE = 11, STAGE = 12, REASON = 13, CLAIMS = 14, SEARCHED = 15, CONFLICT = 16;
  var body = document.body;
  var chunks = Number(body.dataset.chunks);
  var total = Number(body.dataset.rows);
  var words = JSON.parse(body.dataset.words);
  var pageLanguage = document.documentElement.lang === "zh-Hans" ? "zh" : "en";
  var perPage = 50;
  var rows = [];
  var loaded = 0;
  var shown = [];
  var form = document.getElementById("filters");
  var table = document.getElementById("rows");
  var fields = ["verdict", "relation", "outcome", "stage", "text", "sort"];
  var state = {};

  function read() {
    var given = new URLSearchParams(window.location.hash.slice(1));
    state = { page: Math.max(1, Number(given.get("page")) || 1), order: given.get("order") === "desc" ? "desc" : "asc" };
    fields.forEach(function (name) {
      state[name] = given.get(name) || "";
      var field = form.elements[name];
      if (field && field !== document.activeElement) field.value = state[name];
    });
  }
  function hashOf(values) {
    var given = new URLSearchParams();
    fields.forEach(function (name) { if (values[name]) given.set(name, values[name]); });
    if (values.sort && values.order === "desc") given.set("order", "desc");
    if (values.page > 1) given.set("page", String(values.page));
    return "#" + given.toString();
  }
  // A change of page is a step that the back button undoes; a change of a filter is not.
  function go(values, isStep) {
    var hash = hashOf(Object.assign({}, state, values));
    if (hash === (window.location.hash || "#")) return;
    if (isStep) window.location.hash = hash;
    else window.location.replace(hash);
  }

  // The page's words for a code, with its values in place of their names in braces.
  function say(code, values) {
    return words[code].replace(/\{(\w+)\}/g, function (whole, name) { return values && name in values ? String(values[name]) : whole; });
  }
  function searched(row) {
    if (!row.words) row.words = [row[ITEM], row[QUESTION], row[ANSWER], row[REASON], row[SEARCHED]].concat(row[CLAIMS]).join("\n").toLowerCase();
    return row.words;
  }
  function matches(row) {
    var judged = row[JUDGED];
    if (state.verdict === "conflict") { if (!row[CONFLICT]) return false; }
    else if (state.verdict === "none") { if (row[STAGE] || row[COUNTS][0] + row[COUNTS][1] + row[COUNTS][2]) return false; }
    else if (state.verdict && !row[COUNTS][STATUSES.indexOf(state.verdict)]) return false;
    if (state.relation && row[RELATIONS].indexOf(Number(state.relation)) < 0) return false;
    if (state.outcome === "answer-correct" && row[CORRECT] !== 1) return false;
    if (state.outcome === "answer-wrong" && row[CORRECT] !== 0) return false;
    if (state.outcome === "verdict-correct" && !judged[0]) return false;
    if (state.outcome === "verdict-wrong" && !judged[1]) return false;
    if (state.stage === "any" ? !row[STAGE] : state.stage === "done" ? row[STAGE] : state.stage && row[STAGE] !== state.stage) return false;
    if (state.text) {
      var words = searched(row);
      return state.text.toLowerCase().split(/\s+/).every(function (part) { return words.indexOf(part) >= 0; });
    }
    return true;
  }
  function keyOf(row, name) {
    if (name === "item") return row[ITEM];
    var status = STATUSES.indexOf(name);
    if (status >= 0) return row[STAGE] ? null : row[COUNTS][status];
    return row[name === "certainty" ? CERTAINTY : SECONDS];
  }
  var collator = new Intl.Collator(undefined, { numeric: true });
  function sorted(list) {
    if (!state.sort) return list;
    var sign = state.order === "desc" ? -1 : 1;
    return list.map(function (row, at) { return { row: row, at: at, key: keyOf(row, state.sort) }; }).sort(function (one, other) {
      // Rows without a value come last either way.
      if (one.key === null || other.key === null) return (one.key === null) - (other.key === null) || one.at - other.at;
      var order = typeof one.key === "string" ? collator.compare(one.key, other.key) : one.key - other.key;
      return sign * order || one.at - other.at;
    }).map(function (entry) { return entry.row; });
  }

  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function sign(status) {
    var svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    var use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "sign");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", "#sign-" + status);
    svg.appendChild(use);
    return svg;
  }
  function bdi(text) { var element = make("bdi", "", text); return element; }

  // Never rounds to certainty.
  function shareText(value) {
    if (value === null) return "";
    var text = (100 * value).toFixed(1) + "%";
    return text === "100.0%" ? ">99.9%" : text === "0.0%" ? "<0.1%" : text;
  }

  function rowElement(row) {
    var line = make("tr");
    var cell = make("td", "thumb");
    if (row[THUMBNAIL]) {
      var image = make("img", "picture");
      image.loading = "lazy";
      image.alt = "";
      image.src = "thumbnails/" + encodeURIComponent(row[THUMBNAIL]) + ".jpg";
      cell.appendChild(image);
    } else cell.appendChild(make("span", "picture"));
    line.appendChild(cell);

    cell = make("td", "what");
    if (row[LANGUAGE] !== pageLanguage) cell.lang = row[LANGUAGE] === "zh" ? "zh-Hans" : "en";
    var title = make("p");
    var name = row[QUESTION] || row[ITEM];
    if (row[NAME]) {
      var link = make("a");
      link.href = "items/" + encodeURIComponent(row[NAME]) + ".html";
      link.appendChild(bdi(name));
      title.appendChild(link);
    } else {
      var strong = make("strong");
      strong.appendChild(bdi(name));
      title.appendChild(strong);
    }
    cell.appendChild(title);
    if (row[STAGE]) {
      var reason = make("p", "wrong", say("index_failed_because", { stage: row[STAGE] }) + " ");
      reason.appendChild(bdi(row[REASON]));
      cell.appendChild(reason);
    } else if (row[ANSWER]) {
      var answer = make("p");
      answer.appendChild(bdi(row[ANSWER]));
      cell.appendChild(answer);
    }
    if (row[CLAIMS].length) {
      var claims = make("p");
      row[CLAIMS].forEach(function (claim, index) {
        if (index) claims.appendChild(document.createTextNode("; "));
        claims.appendChild(bdi(claim));
      });
      var more = row[COUNTS][0] + row[COUNTS][1] + row[COUNTS][2] - row[CLAIMS].length;
      if (more > 0) claims.appendChild(document.createTextNode("; " + say("index_more_claims", { count: more })));
      cell.appendChild(claims);
    }
    var below = make("p", "id");
    function outcome(isRight, text) {
      below.appendChild(make("span", "outcome " + (isRight ? "right" : "wrong"), text));
      below.appendChild(document.createTextNode(" "));
    }
    if (row[CORRECT] !== null) outcome(row[CORRECT], say(row[CORRECT] ? "index_answer_correct" : "index_answer_wrong"));
    if (row[JUDGED][1]) outcome(false, say("index_wrong_verdicts", { count: row[JUDGED][1] }));
    if (row[CONFLICT]) {
      var flag = make("span", "flag");
      flag.appendChild(sign("conflict"));
      flag.appendChild(document.createTextNode(say("page_conflict")));
      below.appendChild(flag);
      below.appendChild(document.createTextNode(" "));
    }
    if (row[QUESTION]) below.appendChild(bdi(row[ITEM]));
    else if (!row[STAGE] && !row[CLAIMS].length) below.appendChild(document.createTextNode(say("page_given_claims")));
    cell.appendChild(below);
    line.appendChild(cell);

    cell = make("td", "verdicts");
    var counts = make("span", "counts");
    STATUSES.forEach(function (status, index) {
      if (!row[COUNTS][index]) return;
      var one = make("span", "count");
      one.title = say(status);
      one.appendChild(sign(status));
      one.appendChild(document.createTextNode(row[COUNTS][index] + " "));
      var word = make("span", "only-read", say(status));
      one.appendChild(word);
      counts.appendChild(one);
    });
    cell.appendChild(counts);
    line.appendChild(cell);
    line.appendChild(make("td", "number", shareText(row[CERTAINTY])));
    line.appendChild(make("td", "seconds", row[SECONDS] === null ? "" : row[SECONDS].toFixed(2)));
    return line;
  }

  function render() {
    shown = sorted(rows.filter(matches));
    var pages = Math.max(1, Math.ceil(shown.length / perPage));
    // While rows are still arriving, the page that was asked for may not exist yet.
    var page = loaded < chunks ? state.page : Math.min(state.page, pages);
    var part = shown.slice((page - 1) * perPage, page * perPage);
    var fragment = document.createDocumentFragment();
    part.forEach(function (row) { fragment.appendChild(rowElement(row)); });
    table.tBodies[0].replaceChildren(fragment);
    document.getElementById("empty").hidden = part.length > 0 || loaded < chunks;
    var range = { first: (page - 1) * perPage + 1, last: (page - 1) * perPage + part.length, count: shown.length, total: total };
    var status = loaded < chunks ? say("index_reading", { count: rows.length, total: total })
      : say(!part.length ? "index_no_rows" : shown.length === total ? "index_rows" : "index_rows_filtered", range);
    Array.from(document.querySelectorAll(".paging")).forEach(function (paging) {
      paging.querySelector(".status").textContent = status;
      paging.querySelector(".previous").disabled = page <= 1;
      paging.querySelector(".next").disabled = page >= pages;
      paging.querySelector(".page").textContent = page + " / " + pages;
      paging.hidden = paging.classList.contains("below") && pages < 2;
    });
    Array.from(table.querySelectorAll("th[data-sort]")).forEach(function (head) {
      if (head.dataset.sort === state.sort) head.setAttribute("aria-sort", state.order === "desc" ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    document.getElementById("order").setAttribute("aria-pressed", String(state.order === "desc"));
    document.getElementById("clear").disabled = !fields.some(function (name) { return name !== "sort" && state[name]; });
    state.shownPage = page;
    if (loaded === chunks) remember();
  }
  // The pages of results walk through the rows as they are shown here.
  function remember() {
    try {
      window.sessionStorage.setItem("theodolite-index", window.location.hash);
      window.sessionStorage.setItem("theodolite-order", JSON.stringify(shown.map(function (row) { return row[NAME]; }).filter(Boolean)));
    } catch (error) { /* Pages opened from disk may have no storage. */ }
  }

  function sortBy(name) {
    var isSame = state.sort === name;
    var first = name === "item" || name === "certainty" ? "asc" : "desc";
    go({ sort: name, order: isSame ? (state.order === "desc" ? "asc" : "desc") : first, page: 1 });
  }
  function turn(step) {
    var pages = Math.max(1, Math.ceil(shown.length / perPage));
    var page = Math.min(pages, Math.max(1, state.shownPage + step));
    if (page !== state.shownPage) go({ page: page }, true);
  }
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("input", function (event) {
    var values = { page: 1 };
    if (fields.indexOf(event.target.name) < 0) return;
    values[event.target.name] = event.target.value;
    go(values);
  });
  document.getElementById("order").addEventListener("click", function () { go({ order: state.order === "desc" ? "asc" : "desc", page: 1 }); });
  document.getElementById("clear").addEventListener("click", function () {
    go({ verdict: "", relation: "", outcome: "", stage: "", text: "", page: 1 });
    form.elements.text.focus();
  });
  Array.from(table.querySelectorAll("th button")).forEach(function (button) {
    button.addEventListener("click", function () { sortBy(button.parentNode.dataset.sort); });
  });
  Array.from(document.querySelectorAll(".paging")).forEach(function (paging) {
    paging.querySelector(".previous").addEventListener("click", function () { turn(-1); });
    paging.querySelector(".next").addEventListener("click", function () { turn(1); });
  });
  window.addEventListener("hashchange", function () {
    var before = state.page;
    read();
    render();
    if (state.page !== before) document.getElementById("list").scrollIntoView({ block: "start" });
  });

  function moveRow(step) {
    var links = Array.from(table.querySelectorAll(".what a"));
    var at = links.indexOf(document.activeElement);
    var next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
    if (next) next.focus();
    else if (links.length) turn(step);
  }
  document.addEventListener("keydown", function (event) {
    var key = window.theodoliteReport.pageKey(event);
    if (key === "j" || key === "ArrowDown" && document.activeElement.closest(".what")) { event.preventDefault(); moveRow(1); }
    else if (key === "k" || key === "ArrowUp" && document.activeElement.closest(".what")) { event.preventDefault(); moveRow(-1); }
    else if (key === "n" || key === "ArrowRight") turn(1);
    else if (key === "p" || key === "ArrowLeft") turn(-1);
    else if (key === "/") { event.preventDefault(); form.elements.text.focus(); }
  });

  window.theodoliteRows = function (number, part) {
    rows = rows.concat(part);
    loaded += 1;
    body.dataset.read = String(loaded);
    // Drawn with the first rows, and once all are there.
    if (loaded === chunks || (loaded === 1 && !window.location.hash)) render();
    else document.querySelector(".paging .status").textContent = say("index_reading", { count: rows.length, total: total });
    if (loaded < chunks) load(loaded);
  };
  function load(number) {
    var script = document.createElement("script");
    script.src = "data/index-" + String(number).padStart(3, "0") + ".js";
    document.head.appendChild(script);
  }
  read();
  requestAnimationFrame(function () { setTimeout(function () { load(0); }, 0); });
})();
