// The console's script. Every page works without it; it adds the theme switch, live numbers, and small comforts.
"use strict";
(() => {
  const root = document.documentElement;
  const kept = localStorage.getItem("cloudcore-theme");
  if (kept) root.dataset.theme = kept;
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("cloudcore-theme", root.dataset.theme);
  });

  // data-live-from="URL" on any element: its JSON fills [data-live="a.b"] and draws svg[data-series="a.b"].
  const at = (found, path) => path.split(".").reduce((held, name) => (held == null ? held : held[name]), found);
  const draw = (svg, series) => {
    const top = Math.max(1e-9, ...series), step = 300 / Math.max(1, series.length - 1);
    const points = series.map((value, index) => `${(index * step).toFixed(1)},${(60 - (value / top) * 56).toFixed(1)}`);
    svg.querySelector(".line").setAttribute("points", points.join(" "));
    svg.querySelector(".area").setAttribute("points", `0,60 ${points.join(" ")} 300,60`);
  };
  const live = document.querySelector("[data-live-from]");
  const refresh = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(live.dataset.liveFrom, { headers: { Accept: "application/json" } });
        if (answer.ok) {
          const found = await answer.json();
          for (const spot of document.querySelectorAll("[data-live]")) {
            const value = at(found, spot.dataset.live);
            if (value != null && spot.textContent !== String(value)) spot.textContent = value;
          }
          for (const spot of document.querySelectorAll("[data-live-width]")) {
            const value = at(found, spot.dataset.liveWidth);
            if (value != null) spot.style.width = `${Math.min(100, value)}%`;
          }
          for (const svg of document.querySelectorAll("svg[data-series]")) {
            const series = at(found, svg.dataset.series);
            if (series) draw(svg, series);
          }
          for (const spot of document.querySelectorAll("[data-live-rows]")) {
            const rows = at(found, spot.dataset.liveRows);
            if (rows) spot.replaceChildren(...rows.map((cells) => {
              const row = document.createElement("tr");
              for (const cell of cells) row.appendChild(document.createElement("td")).textContent = cell;
              return row;
            }));
          }
        }
      } catch { /* the server is being restarted: the next turn asks again */ }
    }
    setTimeout(refresh, Number(live.dataset.liveEvery || 1000));
  };
  if (live) refresh();

  for (const back of document.querySelectorAll("[data-back]")) {
    back.hidden = history.length < 2;
    back.addEventListener("click", (event) => { event.preventDefault(); history.back(); });
  }
  // data-confirm="words" on a form: it is asked once before it goes.
  for (const form of document.querySelectorAll("form[data-confirm]"))
    form.addEventListener("submit", (event) => { if (!confirm(form.dataset.confirm)) event.preventDefault(); });
  for (const select of document.querySelectorAll("select[data-submits]"))
    select.addEventListener("change", () => select.form.submit());
  // data-copy="id": the text of that element goes to the clipboard.
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = button.ariaLabel = "Copied";
    });
  }
  // data-adds="template id": one more row of a form.
  for (const button of document.querySelectorAll("[data-adds]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const made = document.getElementById(button.dataset.adds).content.cloneNode(true);
      button.before(made);
    });
  }
  // data-shows-for="name=value ...": shown while that field has that value.
  const conditions = [...document.querySelectorAll("[data-shows-for]")];
  const judge = () => {
    for (const part of conditions) {
      const [name, values] = part.dataset.showsFor.split("=");
      const field = document.querySelector(`[name="${name}"]:checked, select[name="${name}"]`);
      part.hidden = !field || !values.split("|").includes(field.value);
    }
  };
  if (conditions.length) { document.addEventListener("change", judge); judge(); }
  // Tab writes an indent in code areas; Escape first leaves it, for people who move by keyboard.
  for (const area of document.querySelectorAll("textarea.code")) {
    let leave = false;
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { leave = true; return; }
      if (event.key === "Tab" && !leave && !event.shiftKey) {
        event.preventDefault();
        area.setRangeText("    ", area.selectionStart, area.selectionEnd, "end");
      }
      leave = false;
    });
  }
})();
