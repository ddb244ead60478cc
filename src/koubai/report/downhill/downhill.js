// Shows paths that were walked before, and nothing else: every point and loss is in the page's data.
{
  const room = document.currentScript.closest(".downhill");
  const find = (selector) => room.querySelector(selector);
  const data = JSON.parse(find("script[type='application/json']").textContent);
  const [left, right, low, high] = data.bounds;
  const [width, height] = data.size;
  const rateSlider = find("#rate"), timeSlider = find(".time"), byData = find(".by-data");
  const SECONDS = 9; // for a whole descent
  const DENSE = 200; // updates, above which single ones cannot be told apart
  const FAR = 5000; // pixels, beyond which a line's end makes no difference
  let group, rate, now = 0, playing = false, before;

  const make = (name, attributes, parent) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return parent.appendChild(element);
  };
  const within = (value) => Math.max(-FAR, Math.min(FAR, value));
  const place = (x, y) => [within((x - left) / (right - left) * width), within((high - y) / (high - low) * height)];
  const pathOf = (walker) => walker.paths[rate];
  const updates = (walker) => pathOf(walker).l.length - 1;
  const last = () => Math.max(...group.walkers.map(updates));
  const written = (value) => (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(2) : String(Number(value.toPrecision(4)))).replaceAll("-", "−");

  const fixed = (value) => Math.abs(value) >= 1e4 ? written(value) : (value.toFixed(4) === "-0.0000" ? "0.0000" : value.toFixed(4)).replace("-", "−");

  // Where a walker is at a moment between two updates.
  const at = (walker, moment) => {
    const { p, l } = pathOf(walker), t = Math.min(moment, l.length - 1), i = Math.floor(t), part = t - i;
    const j = Math.min(i + 1, l.length - 1), mix = (a, b) => part ? a + (b - a) * part : a;
    return { index: i, x: mix(p[2 * i], p[2 * j]), y: mix(p[2 * i + 1], p[2 * j + 1]), loss: l[i] };
  };

  const arrow = (x, y) => { // at the edge, in the direction in which the walker left
    const cx = Math.max(9, Math.min(width - 9, x)), cy = Math.max(9, Math.min(height - 9, y));
    const turn = Math.atan2(y - cy, x - cx) * 180 / Math.PI;
    return `translate(${cx.toFixed(1)} ${cy.toFixed(1)}) rotate(${turn.toFixed(0)})`;
  };

  // Farther out than the map is wide: from there on a trail is not followed.
  const gone = (place) => place !== undefined && (place[0] < -width || place[0] > 2 * width || place[1] < -height || place[1] > 2 * height);

  const drawWalker = (walker) => {
    const here = at(walker, now), { p } = pathOf(walker), [x, y] = place(here.x, here.y);
    const places = [];
    for (let i = 0; i <= here.index && !gone(places.at(-1)); i += 1) places.push(place(p[2 * i], p[2 * i + 1]));
    if (!gone(places.at(-1))) places.push([x, y]);
    const line = places.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`);
    walker.halo.setAttribute("points", line.join(","));
    walker.trail.setAttribute("points", line.join(","));
    walker.dots.setAttribute("d", line.slice(0, -1).map((point) => `M${point}h0`).join(""));
    const outside = x < 0 || x > width || y < 0 || y > height;
    walker.ball.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    walker.ball.classList.toggle("is-hidden", outside || Boolean(walker.off));
    walker.gone.setAttribute("transform", arrow(x, y));
    walker.gone.classList.toggle("is-hidden", !outside || Boolean(walker.off));
    walker.hole.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    walker.hole.classList.toggle("is-hidden", Boolean(walker.off));
    walker.cells.point.textContent = outside ? data.names.out : `${fixed(here.x)}, ${fixed(here.y)}`;
    walker.cells.loss.textContent = written(here.loss);
    walker.cells.loss.dataset.value = here.loss;
    walker.row.dataset.point = JSON.stringify([here.x, here.y]);
  };

  // The chart: loss above the lowest, on a logarithmic axis.
  const chart = find(".chart"), [x0, x1, y0, y1] = [44, 404, 216, 8];
  const scale = () => {
    const start = pathOf(group.walkers[0]).l[0] - data.lowest;
    return [Math.log10(start) - 6, Math.log10(start) + 1.5];
  };
  const heightOf = (loss, [bottom, top]) => {
    const power = Math.log10(Math.max(loss - data.lowest, 1e-300));
    return y0 + (y1 - y0) * (Math.max(bottom, Math.min(top, power)) - bottom) / (top - bottom);
  };
  const pace = (walker) => (byData?.checked ? walker.share : 1);
  const across = (walker, update) => {
    const end = Math.max(...group.walkers.map((other) => updates(other) * pace(other)), 1e-9);
    if (!byData?.checked) return x0 + (x1 - x0) * update / end;
    const first = Math.log10(1 / data.samples), span = Math.log10(end) - first;
    return x0 + (x1 - x0) * Math.max(0, Math.log10(Math.max(update * walker.share, 1e-12)) - first) / span;
  };
  const ticks = () => {
    const end = Math.max(...group.walkers.map((other) => updates(other) * pace(other)));
    if (!byData?.checked) {
      const rough = 10 ** Math.floor(Math.log10(end / 3)), step = Math.max(1, rough * [1, 2, 5, 10].find((n) => rough * n >= end / 5));
      return Array.from({ length: Math.floor(end / step) + 1 }, (_none, n) => [n * step, x0 + (x1 - x0) * n * step / end]);
    }
    const first = Math.log10(1 / data.samples), span = Math.log10(end) - first;
    const powers = [];
    for (let n = Math.ceil(first); n <= Math.log10(end) + 1e-9; n += 1) powers.push(n);
    return powers.map((n) => [Number((10 ** n).toPrecision(1)), x0 + (x1 - x0) * (n - first) / span]);
  };
  const drawFrame = () => {
    const frame = chart.querySelector(".frame"), range = scale();
    frame.replaceChildren();
    for (let power = Math.ceil(range[0]); power <= range[1]; power += 1) {
      const y = y0 + (y1 - y0) * (power - range[0]) / (range[1] - range[0]);
      make("line", { x1: x0, x2: x1, y1: y, y2: y, class: "gridline" }, frame);
      make("text", { x: x0 - 6, y: y + 4, "text-anchor": "end" }, frame).textContent = `1e${power}`.replace("-", "−");
    }
    for (const [value, x] of ticks()) make("text", { x, y: y0 + 16, "text-anchor": "middle" }, frame).textContent = value;
    const name = byData?.checked ? data.names.epochs : data.names.updates;
    make("text", { x: (x0 + x1) / 2, y: y0 + 31, "text-anchor": "middle" }, frame).textContent = name;
  };
  const drawCurve = (walker) => {
    const { l } = pathOf(walker), range = scale(), reached = Math.floor(Math.min(now, l.length - 1));
    const points = l.map((loss, i) => `${across(walker, i).toFixed(1)},${heightOf(loss, range).toFixed(1)}`);
    walker.later.setAttribute("points", points.join(" "));
    walker.curve.setAttribute("points", points.slice(0, reached + 1).join(" "));
  };

  const draw = () => {
    for (const walker of group.walkers) { drawWalker(walker); drawCurve(walker); }
    const shown = Math.floor(now);
    timeSlider.value = shown;
    find(".count").textContent = data.names.count.replace("{at}", shown).replace("{all}", last());
    find(".play").textContent = playing ? "❚❚" : "▶";
  };

  const build = () => { // the elements of a group's walkers
    const parts = [".trails", ".walkers", ".holes"].map(find), rows = find("tbody");
    for (const part of [...parts, rows, chart]) part.replaceChildren();
    make("g", { class: "frame" }, chart);
    group.walkers.forEach((walker, number) => {
      const own = `own-${number}`;
      walker.parts = make("g", { class: own }, parts[0]);
      walker.halo = make("polyline", { class: "halo" }, walker.parts);
      walker.trail = make("polyline", { class: "trail" }, walker.parts);
      walker.dots = make("path", { class: "dots" }, walker.parts);
      walker.ball = make("g", { class: own }, parts[1]);
      make("circle", { r: 8, class: "ball" }, walker.ball);
      make("circle", { r: 8, class: "shine" }, walker.ball);
      walker.gone = make("path", { d: "M8 0L-6 -7L-6 7Z", class: `gone ${own}` }, parts[1]);
      walker.hole = make("circle", { r: 62, fill: "url(#hole)" }, parts[2]);
      walker.later = make("polyline", { class: `curve later ${own}` }, chart);
      walker.curve = make("polyline", { class: `curve ${own}` }, chart);
      buildRow(walker, own, rows);
    });
  };
  const buildRow = (walker, own, rows) => {
    const row = rows.insertRow(), button = document.createElement("button");
    const cells = ["name", "point", "loss", ...(data.samples ? ["pace"] : []), "verdict"].map((key) => [key, row.insertCell()]);
    walker.row = row;
    walker.cells = Object.fromEntries(cells);
    row.className = own;
    button.type = "button";
    button.textContent = walker.name;
    button.addEventListener("click", () => { walker.off = !walker.off; hide(walker); draw(); });
    walker.cells.name.append(button);
    if (data.samples) walker.cells.pace.textContent = walker.epochUpdates;
    hide(walker);
  };
  const hide = (walker) => {
    walker.row.classList.toggle("is-off", Boolean(walker.off));
    for (const part of [walker.parts, walker.later, walker.curve]) part.classList.toggle("is-hidden", Boolean(walker.off));
  };

  const setRate = (index) => {
    rate = index;
    rateSlider.value = index;
    find(".rate").textContent = group.rates[index];
    for (const walker of group.walkers) {
      const { kind, verdict } = pathOf(walker);
      walker.cells.verdict.className = `kind-${kind}`;
      walker.cells.verdict.textContent = verdict;
      walker.parts.classList.toggle("dense", updates(walker) > DENSE);
    }
    timeSlider.max = last();
    now = Math.min(now, last());
    drawFrame();
    draw();
  };
  const setGroup = (number) => {
    group = data.groups[number];
    build();
    rateSlider.max = group.rates.length - 1;
    find(".rate-card").hidden = group.rates.length < 2;
    rate = group.rate;
    now = last();
    setRate(group.rate);
  };

  const tick = (time) => {
    if (!playing) return;
    now = Math.min(last(), now + (time - (before ?? time)) / 1000 * last() / SECONDS);
    before = time;
    if (now >= last()) playing = false;
    draw();
    if (playing) requestAnimationFrame(tick);
  };
  const play = () => {
    playing = !playing;
    before = undefined;
    if (playing && now >= last()) now = 0;
    draw();
    if (playing) requestAnimationFrame(tick);
  };
  const go = (moment) => { playing = false; now = Math.max(0, Math.min(last(), moment)); draw(); };

  find(".play").addEventListener("click", play);
  find(".back").addEventListener("click", () => go(Math.ceil(now) - 1));
  find(".on").addEventListener("click", () => go(Math.floor(now) + 1));
  timeSlider.addEventListener("input", () => go(Number(timeSlider.value)));
  rateSlider.addEventListener("input", () => { // a change shows the whole descent, unless it is being played
    if (!playing) now = Infinity;
    setRate(Number(rateSlider.value));
  });
  find(".fogged").addEventListener("input", (event) => room.classList.toggle("is-foggy", event.target.checked));
  byData?.addEventListener("input", () => { drawFrame(); draw(); });
  for (const choice of room.querySelectorAll("input[name=group]")) {
    choice.addEventListener("input", () => { playing = false; setGroup(Number(choice.value)); });
  }
  setGroup(0);
}
