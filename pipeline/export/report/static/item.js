// A page of one result: ties claims, words, regions, photo and 3D view together; keys and links to other items.
(function () {
  "use strict";
  var body = document.body;
  var none = { claims: [], regions: [] };
  var picked = none;
  var viewer = null;
  var fromViewer = false;

  function all(selector, within) { return Array.from((within || document).querySelectorAll(selector)); }
  function numbers(text) { return text ? text.split(" ").map(Number) : []; }
  function cardOf(claim) { return document.getElementById("claim-" + claim); }
  function sameName(region) {
    var chip = document.querySelector('.chip[data-regions~="' + region + '"]');
    return chip ? numbers(chip.dataset.regions) : [region];
  }

  function ofClaims(claims) {
    var regions = new Set();
    claims.forEach(function (claim) {
      var card = cardOf(claim);
      if (card) numbers(card.dataset.regions).forEach(function (region) { regions.add(region); });
    });
    return { claims: claims, regions: Array.from(regions) };
  }
  function ofRegions(regions) {
    var every = new Set();
    regions.forEach(function (region) { sameName(region).forEach(function (one) { every.add(one); }); });
    return { claims: [], regions: Array.from(every) };
  }
  function ofElement(element) {
    var data = element.dataset;
    if (data.claims) return ofClaims(numbers(data.claims));
    if (data.claim) return ofClaims([Number(data.claim)]);
    return ofRegions(numbers(data.regions));
  }
  function isNone(what) { return !what.claims.length && !what.regions.length; }
  function same(one, other) { return one.claims.join() === other.claims.join() && one.regions.join() === other.regions.join(); }

  var lit = none;
  var waiting = 0;
  // The 3D view follows a little later, because it draws more slowly than a pointer moves.
  function showInView(what) {
    clearTimeout(waiting);
    if (!viewer || fromViewer) return;
    waiting = setTimeout(function () {
      if (what.claims.length) viewer.select({ claim: what.claims[0] });
      else if (what.regions.length) viewer.select({ region: what.regions[0] });
      else viewer.select(null);
    }, 60);
  }

  // Everything that belongs to the claims or regions lights up, and the rest of the drawings fades.
  function light(what) {
    if (same(what, lit)) return;
    lit = what;
    body.classList.toggle("has-light", what.regions.length > 0);
    all("[data-claims], [data-claim], [data-regions]").forEach(function (element) {
      var claims = numbers(element.dataset.claims || element.dataset.claim);
      var isClaim = claims.some(function (claim) { return what.claims.indexOf(claim) >= 0; });
      var regions = numbers(element.dataset.regions);
      var isRegion = regions.some(function (region) { return what.regions.indexOf(region) >= 0; });
      var isCard = element.classList.contains("claim");
      element.classList.toggle("lit", claims.length ? isClaim : isRegion);
      if (isCard) element.classList.toggle("related", isRegion && !isClaim && !what.claims.length);
    });
    showInView(what);
  }

  function pick(what) {
    picked = what;
    all(".pick").forEach(function (button) {
      var card = button.closest(".claim");
      button.setAttribute("aria-pressed", String(what.claims.indexOf(Number(card.dataset.claim)) >= 0));
    });
    all(".chip").forEach(function (chip) {
      var isOne = !what.claims.length && numbers(chip.dataset.regions).some(function (one) { return what.regions.indexOf(one) >= 0; });
      chip.setAttribute("aria-pressed", String(isOne));
    });
    showFrameOf(what);
    light(what);
  }

  function linked(event) {
    var target = event.target;
    if (!target.closest || target.closest("details, a")) return null;
    return target.closest("[data-claims], [data-claim], [data-regions]");
  }

  document.addEventListener("click", function (event) {
    var element = linked(event);
    if (element) {
      var what = ofElement(element);
      var isAgain = same(what, picked);
      pick(isAgain ? none : what);
      offerJump(isAgain ? null : element);
    } else if (event.target.closest && event.target.closest(".picture-box")) {
      pick(none);
      offerJump(null);
    }
  });
  ["mouseover", "focusin"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      var element = linked(event);
      light(element ? ofElement(element) : picked);
    });
  });
  document.addEventListener("focusout", function () { light(picked); });

  // Frames
  var frames = all(".frame");
  var tabs = all(".strip button");
  function showFrame(index) {
    if (frames.length < 2) return;
    frames.forEach(function (frame) { frame.hidden = Number(frame.dataset.frame) !== index; });
    tabs.forEach(function (tab) { tab.setAttribute("aria-pressed", String(Number(tab.dataset.frame) === index)); });
  }
  function shownFrame() { return Number((frames.find(function (frame) { return !frame.hidden; }) || frames[0]).dataset.frame); }
  function showFrameOf(what) {
    var wanted = [];
    what.claims.forEach(function (claim) { var card = cardOf(claim); if (card) wanted = wanted.concat(numbers(card.dataset.frames)); });
    if (!what.claims.length) {
      all(".mark").forEach(function (mark) {
        if (numbers(mark.dataset.regions).some(function (one) { return what.regions.indexOf(one) >= 0; })) {
          wanted.push(Number(mark.closest(".frame").dataset.frame));
        }
      });
    }
    wanted = wanted.filter(function (index) { return frames.some(function (frame) { return Number(frame.dataset.frame) === index; }); });
    if (wanted.length && wanted.indexOf(shownFrame()) < 0) showFrame(wanted[0]);
  }
  tabs.forEach(function (tab) { tab.addEventListener("click", function () { showFrame(Number(tab.dataset.frame)); }); });
  if (frames.length > 1) showFrame(0);

  // Enlarged panels; null makes all of them small again.
  function enlarge(panel) {
    all(".panel").forEach(function (other) {
      var button = other.querySelector(".enlarge");
      var isLarge = other === panel;
      if (other.classList.contains("large") !== isLarge) {
        var title = button.title;
        button.title = button.dataset.other;
        button.setAttribute("aria-label", button.title);
        button.dataset.other = title;
      }
      other.classList.toggle("large", isLarge);
      button.setAttribute("aria-pressed", String(isLarge));
    });
    if (viewer) viewer.resize();
    if (panel) panel.scrollIntoView({ block: "nearest" });
  }
  all(".enlarge").forEach(function (button) {
    button.addEventListener("click", function () {
      var panel = button.closest(".panel");
      enlarge(panel.classList.contains("large") ? null : panel);
    });
  });

  // Where the pictures are not beside the claims, a button leads from a claim to them and back.
  var jump = document.getElementById("jump");
  var cameFrom = null;
  function isFarAway() {
    var place = document.querySelector(".stage").getBoundingClientRect();
    return place.bottom < 120 || place.top > window.innerHeight - 120;
  }
  function offerJump(element) {
    cameFrom = element;
    jump.hidden = !element || !isFarAway();
    jump.textContent = jump.dataset.there;
  }
  jump.addEventListener("click", function () {
    if (isFarAway()) {
      var frame = frames.find(function (one) { return !one.hidden; });
      (frame ? frame.querySelector(".panel") : document.querySelector(".stage")).scrollIntoView({ block: "start" });
      jump.textContent = jump.dataset.back;
    } else {
      if (cameFrom) cameFrom.scrollIntoView({ block: "center" });
      jump.hidden = true;
    }
  });

  // Claims by key
  function cycle(step) {
    var cards = all("#verdicts .claim");
    if (!cards.length) return;
    var at = cards.findIndex(function (card) { return picked.claims.indexOf(Number(card.dataset.claim)) >= 0; });
    var next = at < 0 ? (step > 0 ? 0 : cards.length - 1) : (at + step + cards.length) % cards.length;
    pick(ofClaims([Number(cards[next].dataset.claim)]));
    cards[next].scrollIntoView({ block: "nearest" });
  }

  // Other items, in the order in which the index showed them last, or that of the results.
  var previous = document.getElementById("previous");
  var next = document.getElementById("next");
  function setLink(link, name) {
    link.hidden = false;
    if (name) link.setAttribute("href", encodeURIComponent(name) + ".html");
    else { link.removeAttribute("href"); link.setAttribute("role", "link"); link.setAttribute("aria-disabled", "true"); }
  }
  function setNeighbours(order) {
    var at = order.indexOf(body.dataset.name);
    if (at < 0) return false;
    setLink(previous, order[at - 1]);
    setLink(next, order[at + 1]);
    document.getElementById("position").textContent = (at + 1) + " / " + order.length;
    return true;
  }
  function remembered(name) {
    try { return window.sessionStorage.getItem(name); } catch (error) { return null; }
  }
  function follow(link) { if (link.hasAttribute("href")) window.location.href = link.href; }

  window.theodoliteOrder = function (order) { setNeighbours(order); };
  (function () {
    var hash = remembered("theodolite-index");
    if (hash) all(".to-index").forEach(function (link) { link.setAttribute("href", link.getAttribute("href").split("#")[0] + hash); });
    var order = null;
    try { order = JSON.parse(remembered("theodolite-order")); } catch (error) { order = null; }
    if (Array.isArray(order) && setNeighbours(order)) return;
    if (!body.dataset.order) return;
    var script = document.createElement("script");
    script.src = body.dataset.order;
    document.head.appendChild(script);
  })();

  document.addEventListener("keydown", function (event) {
    var key = window.theodoliteReport.pageKey(event);
    var isText = event.target.closest && event.target.closest(".answer-text, pre");
    if (key === "j" || (key === "ArrowRight" && !isText)) follow(next);
    else if (key === "k" || (key === "ArrowLeft" && !isText)) follow(previous);
    else if (key === "c") cycle(1);
    else if (key === "C") cycle(-1);
    else if (key === "f" && frames.length > 1) showFrame((shownFrame() + 1) % frames.length);
    else if (key === "Escape") {
      if (document.querySelector(".panel.large")) enlarge(null);
      else { pick(none); offerJump(null); }
    }
    else if ((key === "Enter" || key === " ") && event.target.closest && event.target.closest(".mark, .thing")) {
      event.preventDefault();
      pick(ofElement(event.target.closest("[data-regions]")));
    }
  });

  // The 3D view comes last: the page is readable before it.
  function makeViewer() {
    var element = document.getElementById("viewer");
    var data = window.theodoliteView;
    try {
      if (!window.Theodolite || !data) throw new Error("no viewer");
      element.textContent = "";
      viewer = window.Theodolite.createViewer(element, data, { language: document.documentElement.lang });
      viewer.on("select", function (what) {
        fromViewer = true;
        if (what && typeof what.claim === "number") pick(ofClaims([what.claim]));
        else if (what && typeof what.region === "number") pick(ofRegions([what.region]));
        else pick(none);
        fromViewer = false;
      });
      if (!isNone(lit)) showInView(lit);
      window.theodoliteViewer = viewer;
    } catch (error) {
      element.textContent = "";
      var note = document.createElement("p");
      note.className = "note";
      note.textContent = element.dataset.failed;
      element.appendChild(note);
    }
  }
  requestAnimationFrame(function () { setTimeout(makeViewer, 0); });

  var stage = document.querySelector(".stage");
  function measureStage() {
    var isSticky = getComputedStyle(stage).position === "sticky";
    document.documentElement.style.setProperty("--stage", (isSticky ? stage.offsetHeight : 0) + "px");
  }
  if (window.ResizeObserver) new ResizeObserver(measureStage).observe(stage);
  window.addEventListener("resize", measureStage);

  var start = /^#claim-(\d+)$/.exec(window.location.hash);
  if (start && cardOf(start[1])) pick(ofClaims([Number(start[1])]));
})();
