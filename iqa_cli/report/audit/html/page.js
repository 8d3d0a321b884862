"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const meta = JSON.parse($("meta").textContent);
  const W = meta.words;
  $("noscript").remove();
  const photos = [];
  for (const chunk of document.querySelectorAll("script.photos")) photos.push(...JSON.parse(chunk.textContent));
  const BATCH = 60;
  const AHEAD = 1200;
  const RANK = { ok: 0, uncertain: 1, damaged: 2, unreadable: 3 };

  // ---- what is derived of a photo once --------------------------------------------------------------------------
  const isoBand = (iso) => (iso === null ? "" : iso <= 100 ? "-100" : iso <= 200 ? "101-200" : iso <= 400 ? "201-400"
    : iso <= 800 ? "401-800" : iso <= 1600 ? "801-1600" : iso <= 3200 ? "1601-3200" : "3201-");
  photos.forEach((photo, place) => {
    photo.place = place;
    const slash = photo.file.lastIndexOf("/");
    photo.folder = slash < 0 ? "." : photo.file.slice(0, slash) || "/";
    photo.name = photo.file.slice(slash + 1);
    const capture = photo.capture;
    photo.camera = [capture.make, capture.model].filter(Boolean).join(" ");
    photo.lens = capture.lens_model || "";
    photo.iso = isoBand(capture.iso ?? null);
    photo.month = (capture.taken_at || "").slice(0, 7);
    photo.worst = photo.findings.length ? Math.max(...photo.findings.map((f) => f.level)) : 0;
    photo.probability = photo.findings.length
      ? Math.max(...photo.findings.filter((f) => f.level === photo.worst).map((f) => f.probability)) : 0;
    photo.text = [photo.file, photo.camera, photo.lens, photo.error || "", ...photo.notes,
      ...photo.findings.filter((f) => f.level > 1).map((f) => meta.labels[f.label].name)].join("\n").toLowerCase();
  });

  // ---- pictures: base64 in blocks of text, looked at only when one is shown -------------------------------------
  const blocks = [...document.querySelectorAll("script.thumbnails")];
  const opened = new Map();
  function inBlock(index) {
    const block = Math.floor(index / meta.block);
    if (!opened.has(block)) {
      if (opened.size > 60) opened.delete(opened.keys().next().value);
      opened.set(block, blocks[block].textContent.trim().split("\n"));
    }
    return opened.get(block)[index % meta.block].split(" ");
  }
  function sources(photo) {
    if (photo.thumbnail === null) return null;
    if (meta.folder !== null) {
      const stem = meta.folder + "/" + String(photo.thumbnail).padStart(6, "0");
      return [stem + ".jpg", stem + ".png"];
    }
    const [jpeg, areas] = inBlock(photo.thumbnail);
    return ["data:image/jpeg;base64," + jpeg, "data:image/png;base64," + areas];
  }

  // ---- decisions of whoever looks, kept in the browser ----------------------------------------------------------
  // An entry a photo, so that two windows of one page do not undo each other. A verdict is about the levels that were
  // shown: when the page is made again with others it does not count any more. Levels set by hand do.
  const STORE = `iqa-review-${meta.id}:`;
  const review = new Map();
  const nothing = {};
  function recall(file) {
    try {
      const entry = JSON.parse(localStorage.getItem(STORE + file));
      if (entry) review.set(file, entry); else review.delete(file);
    } catch { /* no storage: what is said lasts as long as the page is open */ }
  }
  for (const photo of photos) recall(photo.file);
  const judged = (photo) => photo.findings.map((f) => f.level).join();
  const isStale = (photo) => Boolean((review.get(photo.file) || nothing).verdict) && review.get(photo.file).judged !== judged(photo);
  function reviewed(photo) {
    const entry = review.get(photo.file) || nothing;
    return isStale(photo) ? { levels: entry.levels } : entry;
  }
  const own = (photo) => Object.keys(reviewed(photo).levels || nothing).length > 0;
  function keep(photo, change) {
    const entry = { ...reviewed(photo), ...change, judged: judged(photo) };
    const isEmpty = !entry.verdict && !Object.keys(entry.levels || nothing).length;
    if (isEmpty) review.delete(photo.file); else review.set(photo.file, entry);
    try {
      if (isEmpty) localStorage.removeItem(STORE + photo.file); else localStorage.setItem(STORE + photo.file, JSON.stringify(entry));
    } catch { $("shown").textContent = W.not_kept; }
  }
  addEventListener("storage", (event) => {
    if (!event.key || !event.key.startsWith(STORE)) return;
    const file = event.key.slice(STORE.length);
    recall(file);
    const photo = photos.find((entry) => entry.file === file);
    if (photo) refresh(photo);
  });

  // ---- building elements: text only ever becomes text -----------------------------------------------------------
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }
  function drawing(values, title) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", `0 0 ${values.length} 64`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "histogram");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", title);
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", "M0 64" + values.map((v, i) => `V${64 - v / 4}H${i + 1}`).join("") + "V64Z");
    svg.append(path);
    return svg;
  }
  const bins = (photo) => [...atob(photo.luma)].map((c) => c.charCodeAt(0));
  const share = (p) => (p > 0.99 ? ">99%" : p > 0 && p < 0.001 ? "<0.1%" : (100 * p).toFixed(p < 0.0995 && p > 0 ? 1 : 0) + "%");
  const dots = (level, of) => "●".repeat(Math.max(0, level - 1)) + "○".repeat(Math.max(0, of - level));
  // The text goes in as it is: as a plain string `$&` in a file name would mean something to `replace`.
  const filled = (text, values) => Object.entries(values).reduce((said, [name, value]) => said.replace(`{${name}}`, () => value), text);
  function picture(photo) {
    const from = sources(photo);
    if (from === null) return [make("span", { class: "none" }, W.no_picture)];
    return [make("img", { class: "photo", src: from[0], alt: "", loading: "lazy", decoding: "async" }),
      make("img", { class: "mask", src: from[1], alt: "", loading: "lazy", decoding: "async" })];
  }
  function chip(finding) {
    const name = `${meta.labels[finding.label].name}: ${meta.levels[finding.level - 1]}`;
    return make("span", { class: "chip level-" + Math.min(4, finding.level) },
      make("span", { "aria-hidden": "true" }, dots(finding.level, meta.labels[finding.label].levels) + " "), `${name} ${share(finding.probability)}`);
  }
  function levelChip(finding) {
    return make("span", { class: "chip level-" + Math.min(4, finding.level) },
      make("span", { "aria-hidden": "true" }, dots(finding.level, meta.labels[finding.label].levels) + " "), meta.levels[finding.level - 1]);
  }
  const flagged = (photo) => photo.findings.filter((f) => f.level > 1)
    .sort((a, b) => b.level - a.level || b.probability - a.probability);
  function chips(photo) {
    const shown = flagged(photo).map(chip);
    if (photo.status !== "ok") shown.unshift(make("span", { class: "chip level-u" }, W.statuses[photo.status]));
    if (!shown.length) shown.push(make("span", { class: "chip level-ok" }, W.fine));
    return make("span", { class: "chips" }, ...shown);
  }
  function evidence(photo) {
    if (photo.status !== "ok") return photo.error || photo.notes.join(W.between);
    const [worst] = flagged(photo);
    return worst ? worst.evidence : photo.notes.join(W.between);
  }
  function mark(photo) {
    const { verdict } = reviewed(photo);
    const said = verdict ? W.verdicts[verdict] : own(photo) ? W.corrected : isStale(photo) ? W.stale : "";
    return make("span", { class: "mark", "data-review": verdict || "" }, said);
  }
  function card(photo) {
    const button = make("button", { type: "button", class: "card", "data-place": photo.place, "data-review": reviewed(photo).verdict || null },
      make("span", { class: "picture" }, ...picture(photo)), chips(photo),
      make("span", { class: "evidence" }, evidence(photo)),
      photo.luma ? drawing(bins(photo), W.histogram) : null,
      make("span", { class: "name" }, photo.file), mark(photo));
    button.addEventListener("click", () => open(photo));
    return make("li", {}, button);
  }

  // ---- the state lives in the fragment ---------------------------------------------------------------------------
  const KEYS = ["q", "label", "level", "p", "status", "camera", "lens", "iso", "month", "folder", "review", "sort"];
  const form = $("filters");
  const state = {};
  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const key of KEYS) state[key] = given.get(key) || "";
    for (const key of KEYS) {
      const field = form.elements[key];
      field.value = state[key];
      if (field.tagName === "SELECT" && field.value !== state[key]) {
        // A view that was sent may name what this page lacks: it shows as it is, and nothing matches.
        field.append(make("option", { value: state[key] }, state[key]));
        field.value = state[key];
      }
    }
    return Number(given.get("view") ?? -1);
  }
  function write(view = -1) {
    const parameters = new URLSearchParams();
    for (const key of KEYS) if (state[key]) parameters.set(key, state[key]);
    if (view >= 0) parameters.set("view", view);
    const text = parameters.toString();
    // Some browsers refuse after a hundred times in half a minute; the next change brings it up to date.
    try { history.replaceState(null, "", location.href.split("#")[0] + (text ? "#" + text : "")); } catch { /* see above */ }
  }

  // ---- filters ---------------------------------------------------------------------------------------------------
  function fill(name, entries) {
    const field = form.elements[name];
    field.append(make("option", { value: "" }, W.any));
    for (const [value, text] of entries) field.append(make("option", { value }, text));
    if (!entries.length) field.closest("label").hidden = true;
  }
  function valuesOf(key, order, said = (value) => value) {
    const counts = new Map();
    for (const photo of photos) if (photo[key]) counts.set(photo[key], (counts.get(photo[key]) || 0) + 1);
    const found = [...counts].sort(order || ((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])));
    return found.map(([value, count]) => [value, `${said(value)} (${count})`]);
  }
  const levelEntries = meta.levels.map((name, i) => [String(i + 1), name]).slice(1);
  const isoSaid = (band) => (band.startsWith("-") ? filled(W.up_to, { iso: band.slice(1) })
    : band.endsWith("-") ? filled(W.from, { iso: band.slice(0, -1) }) : band);
  fill("label", meta.labels.map((label, i) => [String(i), label.name]));
  fill("level", [["2-", W.flawed], ...levelEntries,
    ...(meta.levels.length > 3 ? [["3-", filled(W.or_worse, { level: meta.levels[2] })]] : []), ["1", meta.levels[0]]]);
  fill("p", [0.5, 0.75, 0.9, 0.95, 0.99].map((p) => [String(p), "≥ " + 100 * p + "%"]));
  fill("status", Object.keys(RANK).filter((s) => photos.some((p) => p.status === s)).map((s) => [s, W.statuses[s]]));
  fill("camera", valuesOf("camera"));
  fill("lens", valuesOf("lens"));
  fill("iso", valuesOf("iso", (a, b) => parseInt(a[0].replace(/^-/, ""), 10) - parseInt(b[0].replace(/^-/, ""), 10), isoSaid));
  fill("month", valuesOf("month", (a, b) => (a[0] < b[0] ? 1 : -1)));
  fill("folder", valuesOf("folder", (a, b) => a[0].localeCompare(b[0])));
  fill("review", [["p", W.verdicts.p], ["x", W.verdicts.x], ["corrected", W.corrected], ["none", W.undecided]]);
  const collator = new Intl.Collator(undefined, { numeric: true });  // made once: far quicker than localeCompare
  const ORDERS = {
    "": (a, b) => a.place - b.place,
    probability: (a, b) => b.probability - a.probability,
    name: (a, b) => collator.compare(a.file, b.file),
    time: (a, b) => (a.capture.taken_at ? 0 : 1) - (b.capture.taken_at ? 0 : 1) || (a.capture.taken_at || "").localeCompare(b.capture.taken_at || ""),
    folder: (a, b) => a.folder.localeCompare(b.folder) || a.place - b.place,
    dark: (a, b) => measured(a, "luma_median", 2) - measured(b, "luma_median", 2),
    bright: (a, b) => measured(b, "luma_median", -1) - measured(a, "luma_median", -1),
    clipped: (a, b) => measured(b, "clipped_fraction", -1) - measured(a, "clipped_fraction", -1),
    flat: (a, b) => measured(a, "lstar_p5_p95_spread", 999) - measured(b, "lstar_p5_p95_spread", 999),
    camera: (a, b) => a.camera.localeCompare(b.camera) || a.place - b.place,
    lens: (a, b) => a.lens.localeCompare(b.lens) || a.place - b.place,
    iso: (a, b) => (a.capture.iso ?? 1e9) - (b.capture.iso ?? 1e9),
    month: (a, b) => (b.month || "").localeCompare(a.month || "") || a.place - b.place,
    status: (a, b) => RANK[b.status] - RANK[a.status] || a.place - b.place,
  };
  function measured(photo, name, missing) {
    return photo.measurements.length ? photo.measurements[meta.measurements.indexOf(name)] : missing;
  }
  form.elements.sort.append(...Object.keys(ORDERS).map((key) => make("option", { value: key }, W.sorts[key || "worst"])));

  function isLevel(level, wanted) {
    return wanted === "" ? level > 1 : wanted.endsWith("-") ? level >= parseInt(wanted, 10) : level === Number(wanted);
  }
  function matches(photo) {
    const least = Number(state.p) || 0;
    if (state.label !== "" || state.level !== "" || least) {
      // What should not be trusted has no level to go by, here as in the summary and in `iqa pick`.
      if (photo.status !== "ok" && state.status === "") return false;
      const label = state.label === "" ? null : Number(state.label);
      if (label === null && state.level === "1") {
        if (photo.worst !== 1) return false;
      } else if (label === null && /^\d+$/.test(state.level)) {
        // Of all labels the worst counts, as in the closing line.
        if (photo.worst !== Number(state.level)) return false;
        if (!photo.findings.some((f) => f.level === photo.worst && f.probability >= least)) return false;
      } else if (!photo.findings.some((f) => (label === null || f.label === label) && isLevel(f.level, state.level) && f.probability >= least)) return false;
    }
    if (state.status && photo.status !== state.status) return false;
    for (const key of ["camera", "lens", "iso", "month"]) if (state[key] && photo[key] !== state[key]) return false;
    if (state.folder && photo.folder !== state.folder) return false;
    if (state.review) {
      const { verdict } = reviewed(photo);
      if (state.review === "corrected" ? !own(photo) : (verdict || "none") !== state.review) return false;
    }
    return !state.q || state.q.toLowerCase().split(/\s+/).every((word) => photo.text.includes(word));
  }

  // ---- the gallery -----------------------------------------------------------------------------------------------
  const cards = $("cards");
  let shown = [];
  let built = 0;
  function build(count) {
    const part = document.createDocumentFragment();
    const end = Math.min(shown.length, built + count);
    for (; built < end; built += 1) part.append(card(shown[built]));
    cards.append(part);
  }
  // Cards down to some way below the window; asked again whenever the end of the list comes near.
  function fillWindow() {
    while (built < shown.length && $("sentinel").getBoundingClientRect().top < innerHeight + AHEAD) build(BATCH);
  }
  function render() {
    shown = photos.filter(matches).sort(ORDERS[state.sort] || ORDERS[""]);
    cards.replaceChildren();
    built = 0;
    build(BATCH);  // also where the list begins below all that
    fillWindow();
    $("shown").textContent = filled(W.shown, { shown: shown.length, photos: photos.length });
    for (const button of document.querySelectorAll("button.count")) {
      const on = button.dataset.label === state.label && button.dataset.level === state.level && state.status === "ok";
      button.setAttribute("aria-pressed", String(on));
    }
  }
  function refresh(photo) {
    const old = cards.querySelector(`[data-place="${photo.place}"]`);
    if (old) old.closest("li").replaceWith(card(photo));
  }
  new IntersectionObserver(fillWindow, { rootMargin: `${AHEAD}px` }).observe($("sentinel"));
  addEventListener("beforeprint", () => build(shown.length));
  function changed() {
    for (const key of KEYS) state[key] = form.elements[key].value;
    render();
    write();
  }
  let typing = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    if (event.target.name === "q") typing = setTimeout(changed, 80); else changed();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("reset").addEventListener("click", () => { form.reset(); changed(); });
  for (const button of document.querySelectorAll("button.count")) {
    button.addEventListener("click", () => {
      const off = button.getAttribute("aria-pressed") === "true";
      const order = form.elements.sort.value;
      form.reset();  // the number is of all photos, so no other filter may hold
      form.elements.sort.value = order;
      form.elements.label.value = off ? "" : button.dataset.label;
      form.elements.level.value = off ? "" : button.dataset.level;
      form.elements.status.value = off ? "" : "ok";
      changed();
      if (!off) $("gallery").scrollIntoView();
    });
  }
  function toggleAreas() {
    const on = document.body.classList.toggle("areas");
    $("areas").setAttribute("aria-pressed", String(on));
  }
  $("areas").addEventListener("click", toggleAreas);
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.classList.contains("dark") || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
    root.classList.toggle("dark", !dark);
    root.classList.toggle("light", dark);
  });

  // ---- the large view --------------------------------------------------------------------------------------------
  const view = $("view");
  let current = null;
  const rows = (...cells) => make("tr", {}, ...cells);
  function copyButton(text) {
    const button = make("button", { type: "button" }, W.copy);
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(text); button.textContent = W.copied; } catch {
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("code"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = document.execCommand("copy") ? W.copied : W.copy_by_hand;
      }
    });
    return button;
  }
  function levelField(photo, finding) {
    const select = make("select", { "aria-label": filled(W.correct, { label: meta.labels[finding.label].name }) },
      make("option", { value: "" }, W.as_judged), ...meta.levels.slice(0, meta.labels[finding.label].levels).map((name, i) => make("option", { value: String(i + 1) }, name)));
    const name = meta.labels[finding.label].key;
    select.value = (reviewed(photo).levels || {})[name] || "";
    select.addEventListener("change", () => {
      const levels = { ...(reviewed(photo).levels || {}) };
      if (select.value) levels[name] = select.value; else delete levels[name];
      keep(photo, { levels });
      refresh(photo);
    });
    return select;
  }
  function details(photo) {
    const parts = [];
    const verdict = make("p", {});
    for (const key of ["p", "x", "u"]) {
      const button = make("button", { type: "button", "aria-pressed": String((reviewed(photo).verdict || "u") === key), "aria-keyshortcuts": key }, `${W.decide[key]} (${key})`);
      button.addEventListener("click", () => decide(key));
      verdict.append(button, " ");
    }
    parts.push(chips(photo), verdict);
    if (photo.error) parts.push(make("p", {}, photo.error));
    for (const note of photo.notes) parts.push(make("p", {}, note));
    if (photo.findings.length) {
      parts.push(make("h3", {}, W.verdict), make("table", {}, make("thead", {}, rows(...[W.label, W.level, W.probability, W.correction].map((text) => make("th", { scope: "col" }, text)))),
        make("tbody", {}, ...photo.findings.map((f) => rows(make("th", { scope: "row" }, meta.labels[f.label].name),
          make("td", {}, f.level > 1 ? levelChip(f) : meta.levels[0], f.nearly ? " " + filled(W.nearly, { level: meta.levels[f.nearly - 1] }) : ""),
          make("td", {}, make("meter", { min: 0, max: 1, value: f.probability, "aria-label": W.probability }), " " + share(f.probability)),
          make("td", {}, levelField(photo, f)))))));
      parts.push(make("h3", {}, W.evidence), make("ul", {}, ...photo.findings.filter((f) => f.evidence && (f.level > 1 || photo.worst === 1)).map((f) => make("li", {}, `${meta.labels[f.label].name}: ${f.evidence}`))));
      parts.push(make("h3", {}, W.rules));
      parts.push(photo.influence.length ? make("ul", {}, ...photo.influence.map((entry) => make("li", {}, filled(W.influence, {
        label: meta.labels[entry.label].name, level: meta.levels[entry.level - 1], without: share(entry.without), after: share(entry.after),
        rules: entry.rules.map((rule) => meta.rules[rule] || rule).join(W.between),
      })))) : make("p", {}, W.no_influence));
    }
    const settings = Object.entries(photo.capture).filter(([, value]) => value !== null && value !== undefined);
    if (settings.length) {
      parts.push(make("h3", {}, W.settings), make("table", {}, make("tbody", {}, ...settings.map(([name, value]) => rows(make("th", { scope: "row" }, W.capture[name] || name), make("td", {}, setting(name, value)))))));
    }
    if (photo.measurements.length) {
      parts.push(make("h3", {}, W.measurements), make("table", {}, make("tbody", {}, ...meta.measurements.map((name, i) => rows(make("th", { scope: "row" }, make("code", {}, name)), make("td", {}, String(photo.measurements[i])))))));
    }
    parts.push(make("h3", {}, W.file), make("p", {}, make("code", {}, photo.file), " ", copyButton(photo.file), " ",
      make("a", { href: photo.href, target: "_blank", rel: "noreferrer", id: "open" }, W.open)));
    return parts;
  }
  function setting(name, value) {
    if (name === "exposure_time_s") return value > 0 && value < 0.4 ? `1/${Math.round(1 / value)} s` : `${value} s`;
    if (name === "f_number") return `f/${value}`;
    if (name === "exposure_bias_ev") return `${value > 0 ? "+" : ""}${Math.round(100 * value) / 100} EV`;
    if (name === "taken_at") return value.replace("T", " ");
    if (name === "flash_fired") return value ? W.yes : W.no;
    return String(value);
  }
  function show(photo) {
    current = photo;
    $("view-title").textContent = photo.file;
    $("picture").replaceChildren(...picture(photo));
    const image = $("picture").querySelector("img.photo");
    if (image) image.alt = filled(W.alt, { name: photo.name });
    $("histogram").replaceChildren(...(photo.luma ? [drawing(bins(photo), W.histogram)] : []));
    $("details").replaceChildren(...details(photo));
    const place = shown.indexOf(photo);
    $("place").textContent = `${place + 1} / ${shown.length}`;
    $("previous").disabled = place <= 0;
    $("next").disabled = place < 0 || place >= shown.length - 1;
    write(photo.place);
  }
  function open(photo) {
    show(photo);
    if (!view.open) view.showModal();
  }
  function step(by) {
    const photo = shown[shown.indexOf(current) + by];
    if (photo) { show(photo); view.querySelector(".body").scrollTop = 0; }
  }
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => view.close());
  view.addEventListener("close", () => {
    write();
    const photo = current;
    current = null;
    while (photo && built < shown.length && shown.indexOf(photo) >= built) build(BATCH);
    const back = photo && cards.querySelector(`[data-place="${photo.place}"]`);
    if (back) back.focus();
  });
  let last = null;
  function decide(key, photo = current) {
    if (key !== "u") last = photo;
    keep(photo, { verdict: key === "u" ? null : key, ...(key === "u" ? { levels: {} } : {}) });
    refresh(photo);
    if (photo === current) $("details").replaceChildren(...details(photo));
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const focused = document.activeElement && document.activeElement.closest ? document.activeElement.closest("button.card") : null;
    const key = event.key.toLowerCase();
    if (key === "c" && (event.target === document.body || event.target.closest("#gallery, dialog"))) { toggleAreas(); return; }
    if (view.open) {
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") { event.preventDefault(); step(event.key === "ArrowRight" ? 1 : -1); }
      else if ("pxu".includes(key) && key.length === 1) {
        // The view has gone on since the last verdict: taking it back goes back to it.
        if (key === "u" && last && !reviewed(current).verdict && !own(current)) show(last);
        const place = shown.indexOf(current);
        decide(key);
        if (key !== "u" && place < shown.length - 1 && state.review === "") step(1);
        const button = [...view.querySelectorAll("#details button[aria-pressed]")]["pxu".indexOf(key)];
        if (button) button.focus();
      } else if (key === "o") { const link = $("open"); if (link) link.click(); }
      return;
    }
    if (!focused) return;
    if ("pxu".includes(key) && key.length === 1) {
      const photo = photos[Number(focused.dataset.place)];
      decide(key, photo);
      const again = cards.querySelector(`[data-place="${photo.place}"]`);
      if (again) again.focus();
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const item = focused.closest("li");
      const beside = event.key === "ArrowRight" ? item.nextElementSibling : item.previousElementSibling;
      if (beside) { event.preventDefault(); beside.querySelector("button").focus(); }
    }
  });

  // ---- exports: lists for `iqa pick --paths`, labels for `iqa train` and `iqa eval` ------------------------------
  for (const [value, text] of [["shown", W.all_shown], ["p", W.verdicts.p], ["x", W.verdicts.x], ["corrected", W.corrected]]) {
    $("which").append(make("option", { value }, text));
  }
  function chosen(which) {
    if (which === "shown") return shown;
    return photos.filter((photo) => (which === "corrected" ? own(photo) : reviewed(photo).verdict === which));
  }
  function save(name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    const link = make("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
  $("export-paths").addEventListener("click", () => {
    const list = chosen($("which").value);
    if (!list.length) { $("shown").textContent = W.nothing_chosen; return; }
    // `iqa pick --paths` reads both; a name with a line feed in it needs the other.
    const end = list.some((photo) => photo.file.includes("\n")) ? "\0" : "\n";
    save("paths.txt", list.map((photo) => photo.file + end).join(""));
  });
  // Levels from 0, an empty cell for what is not known. An accepted verdict says all labels; of a rejected one what it
  // named is said to be absent, and the rest stays open; a level that was set by hand counts before either.
  function labelsOf(photo) {
    const { verdict, levels = {} } = reviewed(photo);
    return photo.findings.map((f) => {
      const set = levels[meta.labels[f.label].key];
      if (set) return String(Number(set) - 1);
      if (verdict === "p") return String(f.level - 1);
      return verdict === "x" && f.level > 1 ? "0" : "";
    });
  }
  const quoted = (text) => (/[",\n\r]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  $("export-labels").addEventListener("click", () => {
    const list = photos.filter((photo) => photo.findings.length && (reviewed(photo).verdict || own(photo)));
    const told = list.map((photo) => [photo, labelsOf(photo)]).filter(([, cells]) => cells.some((cell) => cell !== ""));
    if (!told.length) { $("shown").textContent = list.length ? W.needs_level : W.nothing_reviewed; return; }
    const lines = [["filename", ...meta.labels.map((label) => label.key)].map(quoted).join(",")];
    for (const [photo, cells] of told) lines.push([quoted(meta.root && photo.file.startsWith(meta.root) ? photo.file.slice(meta.root.length) : photo.file), ...cells].join(","));
    save("labels.csv", lines.join("\n") + "\n");
  });

  // ---- begin -----------------------------------------------------------------------------------------------------
  function arrive() {
    const place = read();
    render();
    if (place >= 0 && photos[place]) open(photos[place]); else if (view.open) view.close();
  }
  addEventListener("hashchange", arrive);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();  // the fragment holds the view
    $("gallery").focus();
  });
  arrive();
  document.documentElement.dataset.ready = "true";
})();
