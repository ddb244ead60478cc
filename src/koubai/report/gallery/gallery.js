// Shows what was measured before: the switches and the map choose a setting, the graphs show it.
{
  const room = document.currentScript.closest(".gallery");
  const find = (selector) => room.querySelector(selector);
  const data = JSON.parse(find("script[type='application/json']").textContent);
  const names = Object.keys(data.inits);
  let chosen = [data.activations.includes("relu") ? "relu" : data.activations[0], names.includes("he") ? "he" : names[0]];

  const make = (name, attributes, parent) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return parent.appendChild(element);
  };
  const flowOf = (activation, init) => {
    const norm = find("input[name=norm]:checked").value, residual = find(".residual").checked ? 1 : 0;
    return data.flows[`${activation} ${init} ${norm} ${residual}`];
  };
  const power = (ratio) => (ratio === null ? data.powers : ratio === 0 ? -data.powers : Math.log10(ratio));
  const written = (ratio) => (ratio === null ? "∞" : ratio === 0 ? "0" : ratio >= 0.01 && ratio < 1000
    ? String(Number(ratio.toPrecision(2))) : ratio.toExponential(0)).replaceAll("-", "−");

  const drawMap = () => {
    const head = find(".fates thead"), body = find(".fates tbody");
    head.replaceChildren();
    body.replaceChildren();
    const top = head.insertRow();
    for (const title of ["", ...names.map((name) => data.inits[name])]) {
      top.appendChild(document.createElement("th")).textContent = title;
    }
    for (const activation of data.activations) {
      const row = body.insertRow();
      row.appendChild(document.createElement("th")).textContent = activation;
      for (const init of names) drawCell(row.insertCell(), activation, init);
    }
  };
  const drawCell = (cell, activation, init) => {
    const flow = flowOf(activation, init);
    if (!flow) return;
    const button = cell.appendChild(document.createElement("button"));
    const much = Math.min(1, Math.abs(power(flow.ratio)) / data.powers);
    button.type = "button";
    button.textContent = `${written(flow.ratio)} ${data.fates[flow.fate][0]}`;
    button.style.setProperty("--much", much.toFixed(3));
    button.style.setProperty("--far", power(flow.ratio) < 0 ? "var(--vanishes)" : "var(--explodes)");
    button.classList.toggle("strong", much > 0.72);
    button.dataset.setting = `${activation} ${init}`;
    button.dataset.ratio = flow.ratio;
    button.setAttribute("aria-pressed", activation === chosen[0] && init === chosen[1]);
    button.addEventListener("click", () => { chosen = [activation, init]; draw(); find(`[data-setting="${activation} ${init}"]`).focus(); });
  };

  // A frame with ticks; returns what places a point.
  const [left, right, bottom, top] = [46, 452, 166, 8];
  const frame = (svg, [x0, x1], [y0, y1], xTicks, yTicks, name) => {
    const place = (x, y) => [left + (x - x0) / (x1 - x0) * (right - left), bottom + (Math.max(y0, Math.min(y1, y)) - y0) / (y1 - y0) * (top - bottom)];
    svg.replaceChildren();
    for (const [value, text] of yTicks) {
      const y = place(x0, value)[1];
      make("line", { x1: left, x2: right, y1: y, y2: y, class: "gridline" }, svg);
      make("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, svg).textContent = text;
    }
    for (const value of xTicks) make("text", { x: place(value, y0)[0], y: bottom + 18, "text-anchor": "middle" }, svg).textContent = String(value).replace("-", "−");
    if (name) make("text", { x: right, y: bottom + 18, "text-anchor": "end" }, svg).textContent = name;
    return place;
  };
  const line = (svg, points, kind) => make("polyline", { points: points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" "), class: `line ${kind}` }, svg);

  const drawFunction = () => {
    const { x, y, slope } = data.curves[chosen[0]], svg = find("svg.graph");
    const low = Math.min(-1, ...y, ...slope), high = Math.max(1, ...y, ...slope);
    const ticks = [];
    for (let value = Math.ceil(low); value <= high; value += 1) ticks.push([value, String(value).replace("-", "−")]);
    const place = frame(svg, [x[0], x.at(-1)], [low, high], [-4, -2, 0, 2, 4], ticks);
    make("line", { x1: place(0, low)[0], x2: place(0, low)[0], y1: bottom, y2: top, class: "zero" }, svg);
    make("line", { x1: left, x2: right, y1: place(0, 0)[1], y2: place(0, 0)[1], class: "zero" }, svg);
    line(svg, x.map((value, i) => place(value, y[i])), "line-f");
    line(svg, x.map((value, i) => place(value, slope[i])), "line-slope");
  };

  // Powers of ten over the layers.
  const layersOf = (row) => row.map((_power, i) => i + 1);
  const span = (rows) => {
    const all = rows.flat(), low = Math.max(-60, Math.min(-3, ...all)), high = Math.min(60, Math.max(3, ...all));
    return [Math.floor(low), Math.ceil(high)];
  };
  const powerTicks = ([low, high]) => {
    const step = [1, 2, 3, 5, 10, 20].find((size) => (high - low) / size <= 6) ?? 20, ticks = [];
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) ticks.push([value, value ? `1e${value}`.replace("-", "−") : "1"]);
    return ticks;
  };
  const drawPowers = (svg, groups, even) => {
    const rows = groups.flatMap(([list]) => list), range = span(rows), depth = rows[0].length;
    const ticks = layersOf(rows[0]).filter((layer) => layer === 1 || layer % Math.max(1, Math.round(depth / 6)) === 0);
    const place = frame(svg, [1, Math.max(2, depth)], range, ticks, powerTicks(range));
    if (even) make("line", { x1: left, x2: right, y1: place(1, 0)[1], y2: place(1, 0)[1], class: "even" }, svg);
    for (const [list, kind] of groups) for (const row of list) line(svg, row.map((value, i) => place(i + 1, value)), kind);
  };

  const draw = () => {
    drawMap();
    const flow = flowOf(...chosen);
    find(".chosen").textContent = `${chosen[0]} · ${data.inits[chosen[1]]}`;
    drawFunction();
    if (!flow) return;
    find(".sentence").textContent = data.sentence.replace("{ratio}", written(flow.ratio)).replace("{fate}", data.fates[flow.fate][1]);
    const others = names.filter((name) => name !== chosen[1]).map((name) => flowOf(chosen[0], name)).filter(Boolean);
    drawPowers(find("svg.flow"), [[others.map((other) => other.g[0]), "line-other"], [flow.g, "line-own"]], true);
    drawPowers(find("svg.signal"), [[[flow.s], "line-f"]], true);
  };
  for (const input of room.querySelectorAll(".switches input")) input.addEventListener("input", draw);
  draw();
}
