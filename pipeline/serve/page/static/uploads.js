// Files on the left: dropped, pasted or chosen, sent one by one to /v1/uploads; Gradio never sees them.
"use strict";
(() => {
  const page = window.TheodolitePage;
  const DEPTH_NAMES = /\.(npy|npz|pfm|exr)$/i;
  const CROSS = "M5 5l10 10M15 5L5 15";
  let numbers = 0;
  let list = null;
  let depthList = null;
  let problem = null;

  const changed = () => {
    draw(list, page.uploads);
    draw(depthList, page.depth);
    if (depthList) depthList.parentElement.hidden = !page.depth.length;
    page.tell("uploads", page.uploads);
  };
  page.clearUploads = () => {
    for (const one of [...page.uploads, ...page.depth]) drop(one);
    page.uploads = [];
    page.depth = [];
    changed();
  };
  page.isUploading = () => [...page.uploads, ...page.depth].some((one) => one.state === "sending");

  const drop = (one) => {
    one.request?.abort();
    if (one.url) URL.revokeObjectURL(one.url);
  };
  const remove = (one) => {
    drop(one);
    for (const kind of ["uploads", "depth"]) page[kind] = page[kind].filter((other) => other !== one);
    changed();
  };
  const move = (one, step) => {
    for (const items of [page.uploads, page.depth]) {
      const at = items.indexOf(one);
      const to = at + step;
      if (at >= 0 && to >= 0 && to < items.length) [items[at], items[to]] = [items[to], items[at]];
    }
    changed();
    document.querySelector(`[data-upload="${one.number}"] [data-step="${step}"]`)?.focus();
  };

  const complain = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  const failed = (one, reason) => {
    one.state = "failed";
    remove(one);
    // Most reasons name the file themselves.
    complain(reason.includes(one.name) ? reason : page.say("js_failed", { name: one.name, reason }));
    page.tell("upload failed", one);
  };

  // Sends a file and shows how far it is.
  const upload = (one, file) => {
    const form = new FormData();
    form.append("file", file, file.name || "pasted.png");
    const request = new XMLHttpRequest();
    one.request = request;
    request.open("POST", "/v1/uploads");
    request.upload.onprogress = (event) => {
      one.share = event.lengthComputable ? event.loaded / event.total : 0;
      const bar = document.querySelector(`[data-upload="${one.number}"] progress`);
      if (bar) bar.value = one.share;
    };
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = {};
      }
      if (request.status >= 200 && request.status < 300 && answer.id) {
        Object.assign(one, { id: answer.id, mediaType: answer.media_type, state: "sent", request: null });
        changed();
        return;
      }
      failed(one, request.status === 415 ? page.say("js_unread", { name: one.name }) : answer.detail || page.say("js_no_server"));
    };
    request.onerror = () => failed(one, page.say("js_no_server"));
    request.send(form);
  };

  page.addFiles = (files, asDepth = false) => {
    const found = [...files];
    if (!found.length) return;
    complain("");
    page.tell("adding", found);
    for (const file of found) {
      const one = { number: ++numbers, name: file.name || "pasted.png", state: "sending", share: 0, width: 0, height: 0 };
      const isDepth = asDepth || DEPTH_NAMES.test(one.name);
      (isDepth ? page.depth : page.uploads).push(one);
      const limit = page.given.limits.partMb;
      if (file.size > limit * 1e6) {
        failed(one, page.say("js_too_large", { name: one.name, size: (file.size / 1e6).toFixed(0), limit }));
        continue;
      }
      if (!isDepth && /^(image|video)\//.test(file.type)) measure(one, file);
      upload(one, file);
    }
    changed();
  };

  // The size of an image or video as the browser shows it, upright.
  const measure = (one, file) => {
    one.url = URL.createObjectURL(file);
    one.isVideo = file.type.startsWith("video/");
    const probe = one.isVideo ? document.createElement("video") : new Image();
    const known = () => {
      one.width = probe.videoWidth || probe.naturalWidth || 0;
      one.height = probe.videoHeight || probe.naturalHeight || 0;
      changed();
    };
    probe[one.isVideo ? "onloadedmetadata" : "onload"] = known;
    probe.onerror = () => {
      URL.revokeObjectURL(one.url);
      one.url = null;
      changed();
    };
    if (one.isVideo) {
      probe.muted = true;
      probe.preload = "metadata";
    }
    probe.src = one.url;
  };

  const picture = (one) => {
    if (one.url && one.isVideo) return page.element("video", { src: one.url, muted: true, preload: "metadata", tabindex: "-1" });
    if (one.url) return page.element("img", { src: one.url, alt: "" });
    return page.element("span", { class: "td-kind", text: (one.name.split(".").pop() || "?").slice(0, 5).toUpperCase() });
  };
  const button = (one, code, step, path) => {
    const made = page.element(
      "button",
      { type: "button", class: "td-mini", "aria-label": page.say(code, { name: one.name }), title: page.say(code, { name: one.name }), "data-step": step },
      page.icon(path)
    );
    made.addEventListener("click", () => (step ? move(one, step) : remove(one)));
    return made;
  };
  const draw = (target, items) => {
    if (!target) return;
    target.replaceChildren(
      ...items.map((one, index) => {
        const row = page.element("li", { class: `td-file td-${one.state}`, "data-upload": one.number, draggable: "true" });
        row.append(picture(one), page.element("span", { class: "td-file-name", text: one.name, title: one.name, dir: "auto" }));
        if (one.state === "sending") {
          row.append(page.element("progress", { max: 1, value: one.share, "aria-label": page.say("js_uploading", { name: one.name }) }));
        }
        const tools = page.element("span", { class: "td-file-tools" });
        if (index > 0) tools.append(button(one, "js_earlier", -1, "M12 4l-6 6 6 6"));
        if (index < items.length - 1) tools.append(button(one, "js_later", 1, "M8 4l6 6-6 6"));
        tools.append(button(one, "js_remove", 0, CROSS));
        row.append(tools);
        row.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/x-theodolite", String(one.number)));
        row.addEventListener("dragover", (event) => event.preventDefault());
        row.addEventListener("drop", (event) => {
          const moved = items.find((other) => String(other.number) === event.dataTransfer.getData("text/x-theodolite"));
          if (!moved) return;
          event.preventDefault();
          event.stopPropagation();
          items.splice(items.indexOf(moved), 1);
          items.splice(index, 0, moved);
          changed();
        });
        return row;
      })
    );
  };
  page.on("language", () => changed());

  page.mountUploader = (element) => {
    page.translate(element);
    list = element.querySelector("#td-files");
    depthList = element.querySelector("#td-depth-list");
    problem = element.querySelector("#td-upload-problem");
    complain("");
    const field = element.querySelector("#td-file");
    const area = element.querySelector("#td-drop");
    element.querySelector("#td-choose").addEventListener("click", () => field.click());
    area.addEventListener("click", (event) => {
      if (!event.target.closest("button, input")) field.click();
    });
    field.addEventListener("change", () => {
      page.addFiles(field.files);
      field.value = "";
    });
    const isFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      area.classList.add("td-over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) area.classList.remove("td-over");
    });
    document.addEventListener("drop", (event) => {
      area.classList.remove("td-over");
      if (!isFiles(event)) return;
      event.preventDefault();
      page.addFiles(event.dataTransfer.files, Boolean(event.target.closest?.("#td-rgbd")));
    });
    document.addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      page.addFiles(event.clipboardData.files);
    });
    page.tell("uploader", element);
  };
  page.mountDepth = (element) => {
    page.translate(element);
    const field = element.querySelector("input");
    element.querySelector("button").addEventListener("click", () => field.click());
    field.addEventListener("change", () => {
      page.addFiles(field.files, true);
      field.value = "";
    });
  };
})();
