// The console's script: live regions, charts, keys, confirmation. It sends no request but to its own origin.
"use strict";
(() => {
  // -- times: distances from now, counted here so that the server need not send them again

  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function distance(seconds) {
    const whole = Math.max(0, Math.round(Math.abs(seconds)));
    const [size, name] = UNITS.find(([size]) => whole >= size) || UNITS[3];
    const text = whole ? `${Math.floor(whole / size)} ${name}` : "";
    if (!text) return "just now";
    return seconds > 0 ? `in ${text}` : `${text} ago`;
  }

  function tellTimes() {
    for (const element of document.querySelectorAll("[data-relative]")) {
      const text = distance((Date.parse(element.dataset.relative) - Date.now()) / 1000);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  // -- live regions

  const live = document.body.dataset.live;
  let source = null;

  function replace(name, html) {
    const region = document.getElementById(name);
    if (!region) return;
    const kept = new Set([...region.querySelectorAll("details[open][data-keep]")].map((each) => each.dataset.keep));
    const active = region.contains(document.activeElement) ? document.activeElement : null;
    const address = active && active.getAttribute("href");
    const label = active && active.getAttribute("aria-label");
    const scrolled = [...region.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    region.innerHTML = html;
    for (const each of region.querySelectorAll("details[data-keep]")) each.open = kept.has(each.dataset.keep);
    [...region.querySelectorAll(".scroll")].forEach((each, at) => { each.scrollLeft = scrolled[at] || 0; });
    if (address) region.querySelector(`[href="${CSS.escape(address)}"]`)?.focus({ preventScroll: true });
    else if (label) region.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus({ preventScroll: true });
  }

  function listen() {
    if (!live || document.hidden || source) return;
    source = new EventSource(`/live?${live}`);
    source.onmessage = (event) => {
      const regions = JSON.parse(event.data);
      for (const name of Object.keys(regions)) replace(name, regions[name]);
      tellTimes();
      drawAll();
    };
    source.onerror = () => {
      const note = document.getElementById("freshness");
      if (!note || document.hidden) return;
      const stopped = document.createElement("span");
      stopped.className = "stopped";
      stopped.textContent = "The console does not answer: what is shown gets old.";
      note.replaceChildren(stopped);
    };
  }

  // A hidden tab listens to nothing: the sampler pauses when no tab listens.
  function attend() {
    if (!document.hidden) return listen();
    if (source) source.close();
    source = null;
  }

  // -- charts

  const charts = new Map();
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function points(figure) {
    const own = JSON.parse(figure.dataset.points);
    const more = JSON.parse(document.getElementById(figure.dataset.livePoints)?.dataset.points || "[]");
    const last = own.length ? own[own.length - 1] : null;
    return own.concat(last ? more.filter(([at, value]) => at > last[0] && value >= last[1]) : more);
  }

  // Rows and requests are counted: no line of the grid stands at a quarter of one.
  const whole = [...Array(12).keys()].flatMap((power) => [1, 2, 5].map((each) => each * 10 ** power));

  function draw(figure) {
    const found = points(figure);
    const text = JSON.stringify(found);
    const known = charts.get(figure);
    if (known && known.text === text) return;
    const data = [found.map(([at]) => at), found.map(([, value]) => value)];
    if (known && known.plot) {
      if (found.length > 1) {
        known.plot.setData(data);
        known.text = text;
        return;
      }
      known.plot.destroy();
    }
    figure.replaceChildren();
    if (found.length < 2) {
      const empty = document.createElement("p");
      empty.className = "empty";
      empty.textContent = "Nothing to draw yet.";
      figure.append(empty);
      charts.set(figure, { text, plot: null });
      return;
    }
    const span = found[found.length - 1][0] - found[0][0];
    const clock = (at) => new Date(at * 1000).toLocaleString("en-GB", span > 86400
      ? { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }
      : { hour: "2-digit", minute: "2-digit", second: span < 600 ? "2-digit" : undefined });
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const plot = new uPlot({
      width: figure.clientWidth - 24,
      height: 200,
      cursor: { y: false },
      legend: { show: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
      axes: [{ ...axis, space: span > 86400 ? 130 : 80, values: (_, all) => all.map(clock) }, { ...axis, size: 72, incrs: whole, values: (_, all) => all.map((each) => each.toLocaleString("en")) }],
      series: [{}, { label: figure.dataset.unit, stroke: colour("--busy"), width: 2, fill: colour("--busy") + "22", points: { show: false } }],
    }, data, figure);
    charts.set(figure, { text, plot });
  }

  function drawAll() {
    for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
  }

  function drawAnew() {
    for (const [figure, known] of charts) {
      if (known.plot) known.plot.destroy();
      charts.delete(figure);
    }
    drawAll();
  }

  // -- keys

  const PLACES = { a: "/", j: "/jobs", d: "/dead-letters", e: "/endpoint", v: "/events", r: "/runbook" };
  let going = false;

  function step(forward) {
    const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a"));
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = at < 0 ? (forward ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + (forward ? 1 : -1)));
    rows[next].querySelector("a").focus();
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && typing) return typing.blur();
    if (typing) return;
    if (going) {
      going = false;
      if (PLACES[event.key]) location.href = PLACES[event.key];
      return;
    }
    if (event.key === "g") going = true;
    else if (event.key === "j" || event.key === "k") step(event.key === "j");
    else if (event.key === "?") document.getElementById("keys").showModal();
    else if (event.key === "/") {
      const field = document.getElementById("find");
      if (field) { event.preventDefault(); field.focus(); }
    }
  }

  // -- confirmation: the server checks it too

  function confirming(field) {
    const button = field.form.querySelector("button");
    const check = () => { button.disabled = field.value.trim() !== field.dataset.word; };
    field.addEventListener("input", check);
    field.form.addEventListener("submit", () => setTimeout(() => { button.disabled = true; }));
    check();
  }

  document.addEventListener("visibilitychange", attend);
  document.addEventListener("keydown", press);
  dark.addEventListener("change", drawAnew);
  addEventListener("resize", drawAnew);
  // Pages that a browser keeps for its back button hold no connection meanwhile.
  addEventListener("pagehide", () => { if (source) { source.close(); source = null; } });
  addEventListener("pageshow", attend);
  setInterval(tellTimes, 1000);
  for (const field of document.querySelectorAll("[data-word]")) confirming(field);
  tellTimes();
  drawAll();
  attend();
})();
