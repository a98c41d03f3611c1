"use strict";
// Rows and bars follow the events. One tab holds the stream, the others listen to it; where tabs cannot agree, they poll.
(() => {
  const say = (text) => { document.getElementById("said").textContent = text; };
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      say("Copied");
    });
  }
  document.addEventListener("submit", (sent) => {
    const button = sent.submitter;
    if (button && button.matches(".danger") && !confirm(button.textContent + "?")) sent.preventDefault();
  });
  if (!("follow" in document.body.dataset) || !document.getElementById("live")) return;

  const rows = (job) => document.querySelectorAll(`[data-job="${CSS.escape(job)}"]`);

  const size = (bytes) => {
    let unit = 0;
    while (bytes >= 1024 && unit < 6) { bytes /= 1024; unit++; }
    const digits = unit === 0 || bytes >= 100 ? 0 : bytes < 10 ? 2 : 1;
    return bytes.toFixed(digits) + " " + ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit];
  };
  const duration = (seconds) => {
    seconds = Math.round(seconds);
    if (seconds < 60) return seconds + " s";
    const d = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24, m = Math.floor(seconds / 60) % 60;
    if (d) return d + " d" + (h ? ` ${h} h` : "");
    if (h) return h + " h" + (m ? ` ${m} min` : "");
    return m + " min";
  };
  const put = (row, name, text) => {
    const place = row.querySelector(`[data-${name}]`);
    if (place) place.textContent = text;
  };

  const progress = (event) => {
    for (const row of rows(event.job)) {
      const bytes = event.job_bytes ?? event.bytes, total = event.job_total ?? null;
      const percent = total ? Math.floor(Math.min(bytes, total) * 100 / total) : null;
      const bar = row.querySelector("progress");
      if (bar && percent !== null) bar.value = percent;
      const of = event.of !== null && event.of !== undefined && event.of !== event.files
        ? " of " + event.of.toLocaleString("en") : "";
      const far = percent === null ? "" : percent + " % \u00b7 ";
      put(row, "far", far + (event.files ?? 0).toLocaleString("en") + of + " files, " + size(bytes));
      put(row, "rate", event.rate == null ? "" : size(event.rate) + "/s");
      const left = row.tagName === "TR" ? "" : " left";
      put(row, "remaining", event.remaining == null ? "" : duration(event.remaining) + left);
    }
  };

  // What a page shows later replaces what it shows now, unless somebody types there.
  let pending = null, again = false, last = 0;
  const refresh = () => {
    if (document.hidden) return;
    // What is being fetched may be older than what was told meanwhile.
    if (pending !== null) { again = true; return; }
    pending = setTimeout(async () => {
      last = Date.now();
      again = false;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.redirected) { location.reload(); return; }
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const [now, then] = [document.getElementById("live"), page.getElementById("live")];
        if (!now || !then) return;
        const focus = document.activeElement;
        const within = now.contains(focus);
        if (within && focus.matches("input, select, textarea")) return;
        const same = "a, button, summary", at = within ? [...now.querySelectorAll(same)].indexOf(focus) : -1;
        const closed = new Set([...now.querySelectorAll("details:not([open]) > summary")].map((s) => s.textContent));
        now.replaceWith(then);
        for (const s of then.querySelectorAll("summary")) if (closed.has(s.textContent)) s.parentElement.open = false;
        const next = [...then.querySelectorAll(same)][at];
        if (next && next.textContent === focus.textContent) next.focus({ preventScroll: true });
      } catch { /* The daemon is away: the stream comes back with it. */ } finally {
        pending = null;
        if (again) refresh();
      }
    }, Math.max(300, last + 2000 - Date.now()));
  };

  const take = (event) => {
    if (event.event === "progress") {
      progress(event);
      // The curve and the files of a job are drawn by the daemon.
      if (location.pathname.startsWith("/jobs/") && rows(event.job).length && Date.now() - last > 15000) refresh();
      return;
    }
    if (event.event === "reset") return refresh();
    if (event.event === "job" && event.job) {
      const shown = [...rows(event.job)].filter((row) => row.dataset.state !== event.state);
      if (shown.length && event.state) say(`Job ${event.job} is now ${event.state}`);
      if (shown.length || !rows(event.job).length && location.pathname === "/") refresh();
    }
    if (event.event === "summary" && rows(event.job).length) refresh();
  };

  const others = "BroadcastChannel" in window ? new BroadcastChannel("ftp-user-events") : null;
  if (others) others.onmessage = (message) => take(message.data);
  let stream = null, leave = null;
  const open = () => {
    stream = new EventSource("/api/v1/events");
    const got = (message) => {
      const event = JSON.parse(message.data);
      take(event);
      if (others) others.postMessage(event);
    };
    stream.onmessage = got;
    stream.addEventListener("reset", got);
    // What happened while no tab held the stream is missing.
    stream.onopen = () => { if (last && Date.now() - last > 3000) got({ data: '{"event":"reset"}' }); else refresh(); };
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      refresh();
      setTimeout(() => { if (stream) { close(); follow(); } }, 15000);
    };
    return new Promise((done) => { leave = done; });
  };
  const close = () => {
    if (stream) stream.close();
    if (leave) leave();
    stream = leave = null;
  };
  let waiting = null;
  const follow = () => {
    waiting = new AbortController();
    navigator.locks.request("ftp-user-events", { signal: waiting.signal }, open).catch(() => {});
  };
  const shares = others && navigator.locks;
  if (shares) follow(); else setInterval(refresh, 5000);
  // What happened after the daemon had made the page, and before somebody listened.
  refresh();
  addEventListener("pagehide", () => { if (waiting) waiting.abort(); close(); });
  addEventListener("pageshow", (shown) => { if (shown.persisted) { if (shares) follow(); refresh(); } });
  document.addEventListener("visibilitychange", refresh);
})();
