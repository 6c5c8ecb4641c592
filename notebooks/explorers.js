// What a reader moves: drawn from JSON, without a kernel, a server or a network. explorers.py gathers the data.
// From top to bottom: numbers and words; landscapes and paths, and schedules (both stand in Python once more, and
// the tests compare them); drawing; controls; the four explorers; `mount`, which puts one on a page.

// Numbers and words -----------------------------------------------------------------------------------
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const range = (n) => Array.from({ length: n }, (_, i) => i);
const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;
const lowest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity); // of thousands, as Math.min cannot
const highest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const distinct = (values) => [...new Set(values)];
const known = (value) => Number.isFinite(value); // JSON has null for what is no number
const ordered = (values) => [...values].sort((a, b) => a - b);
const median = (values) => mean([(values.length - 1) >> 1, values.length >> 1].map((i) => ordered(values)[i]));

function short(value, digits = 3) {
  if (!known(value)) return "–";
  const rounded = Number(value.toPrecision(digits)), size = Math.abs(rounded);
  return size && (size < 1e-3 || size >= 1e5) ? rounded.toExponential().replace("e+", "e") : String(rounded);
}

const word = (value) => (known(value) ? short(value) : value);
const spread = (values) => `${short(median(values), 2)} (${extent(values)})`;
const extent = (values) => `${short(lowest(values), 2)} … ${short(highest(values), 2)}`;
const count = (values, what) => `${distinct(values).length} ${what}${distinct(values).length === 1 ? "" : "s"}`;
const plain = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

// Landscapes and paths --------------------------------------------------------------------------------
const wells = (x, y) => [0.9 * Math.exp(-((x + 1) ** 2) / 0.125), Math.exp(-((x - 1.2) ** 2) / 1.28)];

export const LANDSCAPES = {
  bowl: { floor: 0, loss: (x, y) => 0.5 * (x ** 2 + y ** 2), gradient: (x, y) => [x, y] },
  ravine: { floor: 0, loss: (x, y) => 0.5 * (x ** 2 + 20 * y ** 2), gradient: (x, y) => [x, 20 * y] },
  "two minima": {
    floor: -0.9317,
    loss: (x, y) => 0.5 * y ** 2 + 0.05 * x ** 2 - sum(wells(x, y)),
    gradient(x, y) {
      const [sharp, wide] = wells(x, y);
      return [0.1 * x + (sharp * (x + 1)) / 0.0625 + (wide * (x - 1.2)) / 0.64, y];
    },
  },
};

export function rotated({ floor, loss, gradient }, degrees) {
  const c = Math.cos((degrees * Math.PI) / 180), s = Math.sin((degrees * Math.PI) / 180);
  const turned = (x, y) => {
    const [u, v] = gradient(c * x + s * y, c * y - s * x);
    return [c * u - s * v, s * u + c * v];
  };
  return { floor, loss: (x, y) => loss(c * x + s * y, c * y - s * x), gradient: turned };
}

// `draws` are the normal numbers that the noise multiplies, two for each step.
export function descend(gradient, start, { optimizer, rate, momentum, noise, draws }, steps = 100) {
  const path = [start], move = [0, 0], mean = [0, 0], square = optimizer === "Adagrad" ? [0.1, 0.1] : [0, 0];
  for (let t = 1; t <= steps; t++) {
    const here = path[t - 1], slope = gradient(...here);
    const unbiased = (rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
    for (const i of [0, 1]) {
      const g = slope[i] + noise * draws[t - 1][i];
      if (optimizer === "SGD") move[i] = momentum * move[i] - rate * g;
      else if (optimizer === "Adam") {
        mean[i] = 0.9 * mean[i] + 0.1 * g;
        square[i] = 0.999 * square[i] + 0.001 * g ** 2;
        move[i] = (-unbiased * mean[i]) / (Math.sqrt(square[i]) + 1e-7);
      } else {
        square[i] = optimizer === "Adagrad" ? square[i] + g ** 2 : 0.9 * square[i] + 0.1 * g ** 2;
        move[i] = (-rate * g) / Math.sqrt(square[i] + 1e-7);
      }
    }
    path.push(here.map((x, i) => clamp(x + move[i], -1e150, 1e150)));
  }
  return path;
}

// What a path of 100 steps does, in words. `gaps` are the losses above the floor, `slope` is the last gradient.
export function happens(path, gaps, slope, noise) {
  const moves = path.slice(1).map(([x, y], i) => [x - path[i][0], y - path[i][1]]);
  const turns = moves.slice(49).map(([x, y], i) => x * moves[i + 48][0] + y * moves[i + 48][1] < 0);
  const jumps = mean(turns) > 0.5, last = gaps[100], limit = Math.max(1e-3 * gaps[0], 1e-6);
  const settled = 1 + gaps.findLastIndex((gap) => gap >= limit);
  const left = `After 100 steps ${short((100 * last) / gaps[0], 2)} % of the loss is left.`;
  if (last > 10 * Math.max(gaps[0], 0.1)) {
    const out = path.findIndex(([x, y]) => Math.abs(x) > 2.5 || Math.abs(y) > 2);
    return ["Diverges.", `Each step overshoots further than the one before; step ${out} leaves the map.`];
  }
  if (settled === 0) return ["Starts at the lowest point.", ""];
  if (noise && mean(gaps.slice(50)) > 0.5 * mean(gaps.slice(25, 50)))
    return ["Stalls in the noise.", "The loss no longer falls; a smaller rate would let it fall further."];
  const how = jumps ? ", jumping from side to side" : "", little = "less than a thousandth of the loss is left.";
  if (last < limit) return [`Converges in ${settled} steps${how}:`, `from then on ${little}`];
  if (jumps && last > 0.5 * gaps[50])
    return ["Oscillates.", "It jumps from side to side and does not settle: the rate is too large here."];
  if (Math.hypot(...slope) < 0.03) return ["Stuck.", "The ground is level here, and it is not the lowest point."];
  if (last < 0.99 * gaps[80]) return ["Converges slowly.", `The loss still falls. ${left}`];
  return sum(moves.slice(80).map((move) => Math.hypot(...move))) < 0.1
    ? ["Hardly moves.", `The steps are too small. ${left}`]
    : ["Wanders.", `It neither settles nor runs away. ${left}`];
}

// Schedules -------------------------------------------------------------------------------------------
const POLICIES = {
  triangular: (height) => height,
  triangular2: (height, cycle) => height * 0.5 ** cycle,
  exp_range: (height, cycle, t, gamma) => height * gamma ** t,
  sinusoidal: (height) => Math.sin((Math.PI / 2) * height) ** 2,
  parabolic: (height) => 1 - (1 - height) ** 2,
};

// What each schedule asks for; and from the values and the run, with `size` steps an epoch, the call that makes it
// and the rate of step t, or in words why the values do not go together.
const SCHEDULES = {
  fixed: [["rate"], (v) => [`${v.rate}`, () => v.rate]],
  linear_decay: [["rate"], (v, { epochs, steps, end }) =>
    [`lr.linear_decay(${v.rate}, epochs=${epochs}, ${end}`, (t) => v.rate * (1 - t / steps)]],
  step_decay: [["rate", "drop", "every"], (v, { size, end }) =>
    [`lr.step_decay(${v.rate}, drop=${v.drop}, every=${v.every}, ${end}`,
      (t) => v.rate * v.drop ** Math.floor(t / (v.every * size))]],
  time_decay: [["rate", "decay"], (v, { size, end }) =>
    [`lr.time_decay(${v.rate}, ${v.decay}, ${end}`, (t) => v.rate / (1 + (v.decay * t) / size)]],
  exponential_decay: [["rate", "decay"], (v, { size, end }) =>
    [`lr.exponential_decay(${v.rate}, ${v.decay}, ${end}`, (t) => v.rate * Math.exp((-v.decay * t) / size)]],
  CosineDecay: [["rate", "warmup"], (v, { epochs, steps, size }) => {
    const up = v.warmup * size, down = steps - up;
    if (down <= 0) return `the warm-up must be shorter than the run, ${epochs} epochs: nothing is left to decay`;
    const given = up ? `0.0, ${down}, warmup_target=${v.rate}, warmup_steps=${up}` : `${v.rate}, ${steps}`;
    return [`keras.optimizers.schedules.CosineDecay(${given})`,
      (t) => v.rate * (t < up ? t / up : 0.5 * (1 + Math.cos((Math.PI * (t - up)) / down)))];
  }],
  CyclicalLearningRate: [["rate", "min_lr", "half", "policy"], (v, { steps, size }) => {
    if (v.min_lr >= v.rate) return `min_lr must be below the largest rate, got ${v.min_lr} and ${v.rate}`;
    const half = v.half * size, name = v.policy === "triangular" ? "" : `, "${v.policy}"`;
    const gamma = Number((0.25 ** (1 / steps)).toPrecision(6)); // a quarter of the height at the end of the run
    const extra = v.policy === "exp_range" ? `, gamma=${gamma}` : "";
    return [`lr.CyclicalLearningRate(${v.min_lr}, ${v.rate}, ${half}${name}${extra})`, (t) => {
      const cycle = Math.floor(t / (2 * half)), height = 1 - Math.abs(t / half - 2 * cycle - 1);
      return v.min_lr + (v.rate - v.min_lr) * POLICIES[v.policy](height, cycle, t, gamma);
    }];
  }],
  OneCycle: [["rate"], (v, { steps }) => [`lr.OneCycle(${v.rate}, ${steps})`, (t) => {
    const peak = 0.3 * steps - 1, height = Math.min(t / peak, (steps - 1 - t) / (steps - 1 - peak));
    const low = v.rate / (t < peak ? 25 : 25e4);
    return low + (v.rate - low) * Math.sin((Math.PI / 2) * height) ** 2;
  }]],
  WarmupStableDecay: [["rate", "warmup", "stable"], (v, { epochs, steps, size }) => {
    const up = v.warmup * size, level = v.stable * size, down = steps - up - level;
    if (down <= 0) return `warm-up and stable must leave something of the ${epochs} epochs for the decay`;
    return [`lr.WarmupStableDecay(${v.rate}, warmup=${up}, stable=${level}, decay=${down})`,
      (t) => v.rate * (t < up ? t / up : Math.min((steps - t) / down, 1))];
  }],
  InverseDecay: [["rate"], (v) => [`lr.InverseDecay(${v.rate})`, (t) => v.rate * (1 + 0.0001 * t) ** -0.75]],
};

// {call, rates} with the rate of every step; or {why}, where the values do not go together.
export function schedule(kind, values, size, epochs) {
  const steps = size * epochs, run = { size, epochs, steps, end: `steps_per_epoch=${size})` };
  const made = SCHEDULES[kind][1](values, run);
  return typeof made === "string" ? { why: made } : { call: made[0], rates: range(steps).map(made[1]) };
}

// Drawing ---------------------------------------------------------------------------------------------
// Colours and line styles of lesson.STYLES; its black is the colour of the text here, since pages can be dark.
export const STYLES = [
  ["#0072b2", "none"], ["#d55e00", "7 3"], ["#009e73", "9 3 2 3"], ["#cc79a7", "2 3"],
  ["currentColor", "10 2 2 2 2 2"], ["#e69f00", "14 4"], ["#56b4e9", "2 2"],
];

// At most so many round numbers of an axis {low, high, log}, about.
function ticks({ low, high, log }, most) {
  if (log) {
    const from = Math.ceil(Math.log10(low) - 1e-9), n = Math.floor(Math.log10(high) + 1e-9) - from;
    if (n > 1) return range(n + 1).filter((i) => i % Math.ceil((n + 1) / most) === 0).map((i) => 10 ** (from + i));
    const fine = range(n + 3).flatMap((i) => [1, 2, 5].map((digit) => digit * 10 ** (from - 1 + i)));
    return fine.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  }
  const size = 10 ** Math.floor(Math.log10((high - low) / most));
  const step = size * [1, 2, 5, 10].find((digit) => digit * size * most >= high - low);
  const from = Math.ceil(low / step - 1e-9);
  return range(Math.floor(high / step + 1e-9) - from + 1).map((i) => (from + i) * step);
}

// From a value to its place, and `back`.
function scale({ low, high, log }, from, to) {
  const of = log ? Math.log10 : (value) => value, start = of(low), size = (to - from) / (of(high) - start);
  const there = (value) => clamp(from + size * (of(value) - start), -1e4, 1e4);
  there.back = (place) => (log ? 10 ** (start + (place - from) / size) : start + (place - from) / size);
  return there;
}

// A pair of axes {low, high, log, label} in a box, as SVG, and ways to draw between them.
function axes(box, title, x, y) {
  const left = box.left + 62, right = box.left + box.width - 14, width = right - left;
  const top = box.top + 26, bottom = box.top + box.height - 42, height = bottom - top;
  const across = scale(x, left, right), up = scale(y, bottom, top);
  const words = (text, px, py, extra = "") => `<text x="${px}" y="${py}" ${extra}>${plain(text)}</text>`;
  const middle = [(left + right) / 2, (top + bottom) / 2], side = [box.left + 11, middle[1]];
  const frame = [
    words(title, middle[0], box.top + 16, 'class="title"'),
    words(x.label, middle[0], bottom + 34),
    words(y.label, ...side, `transform="rotate(-90 ${side.join(" ")})"`),
    ...ticks(x, width / 62).map((tick) => `<path class="grid" d="M${across(tick)} ${top}V${bottom}"/>
      ${words(short(tick), across(tick), bottom + 16)}`),
    ...ticks(y, height / 34).map((tick) => `<path class="grid" d="M${left} ${up(tick)}H${right}"/>
      ${words(short(tick), left - 6, up(tick) + 4, 'class="left"')}`),
    `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`,
  ].join("");
  const trace = (points, join) => {
    let d = "", pen = "M";
    for (const [a, b] of points) {
      const drawn = known(a) && known(b) && !(y.log && b <= 0);
      if (drawn) d += `${pen}${across(a).toFixed(1)} ${up(b).toFixed(1)}`;
      pen = drawn ? join : "M";
    }
    return d;
  };
  return {
    frame, across, up, left, right, top, bottom,
    line: (points, i, size = 2, dashes = STYLES[i][1]) => `<path d="${trace(points, "L")}" stroke="${STYLES[i][0]}"
      stroke-width="${size}" stroke-dasharray="${dashes}"/>`,
    dots: (points, i, size = 5, opacity = 1) => `<path d="${trace(points, "h0M")}h0" stroke="${STYLES[i][0]}"
      stroke-width="${size}" stroke-opacity="${opacity}" stroke-linecap="round"/>`,
    note: (text) => words(text, ...middle),
    // What goes beyond the axes is cut off.
    inside: (...drawn) => `<svg x="${left}" y="${top}" width="${width}" height="${height}"
      viewBox="${left} ${top} ${width} ${height}">${drawn.join("")}</svg>`,
    holds: (px, py) => px >= left && px <= right && py >= top && py <= bottom,
  };
}

// Two boxes beside each other, or one above the other where it is narrow, and their height.
function boxes(width, first) {
  const wide = width >= 640, part = wide ? width / 2 : width;
  const one = { left: 0, top: 0, width: part, height: first(part) };
  const two = wide ? { ...one, left: part } : { ...one, top: one.height, height: 220 };
  return [one, two, two.top + two.height];
}

// Lines of equal height, by marching squares: in each cell of a grid the line goes from edge to edge.
function contours(height, { left, right, top, bottom, across, up }, levels) {
  const xs = range(61).map((i) => left + ((right - left) * i) / 60);
  const ys = range(49).map((i) => top + ((bottom - top) * i) / 48);
  const grid = ys.map((py) => xs.map((px) => height(across.back(px), up.back(py))));
  const ranks = grid.map((line) => line.map((value) => levels.filter((level) => level < value).length));
  let d = "";
  for (const cell of range(60 * 48)) {
    const row = Math.floor(cell / 60), column = cell % 60;
    const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column], [row, column]];
    const rank = corners.map(([b, a]) => ranks[b][a]), heights = corners.map(([b, a]) => grid[b][a]);
    for (const level of levels.slice(Math.min(...rank), Math.max(...rank))) {
      range(4).filter((k) => heights[k] <= level !== heights[k + 1] <= level).forEach((k, i) => {
        const [[b, a], [b2, a2]] = [corners[k], corners[k + 1]];
        const share = (level - heights[k]) / (heights[k + 1] - heights[k]);
        const px = xs[a] + share * (xs[a2] - xs[a]), py = ys[b] + share * (ys[b2] - ys[b]);
        d += `${i % 2 ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
      });
    }
  }
  return `<path class="contour" d="${d}"/>`;
}

// Controls --------------------------------------------------------------------------------------------
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A list to choose from, where there are `options`; else a slider, of logarithms where `log` is set, which shows
// its value in `words`. `group` is the frame in which it stands.
function control({ name, label, value, group = "", options, low, high, step, log, words = short }, changed) {
  const called = { "aria-label": group ? `${group}, ${label}` : label }, shown = make("b", {});
  const [to, from] = log ? [Math.log10, (place) => 10 ** place] : [(number) => number, (place) => place];
  const input = options
    ? make("select", called, ...options.map((option) => make("option", {}, option)))
    : make("input", { type: "range", min: to(low), max: to(high), step, ...called });
  const read = () => (options ? input.value : Number(from(input.valueAsNumber).toPrecision(log ? 3 : 6)));
  const tell = () => options || input.setAttribute("aria-valuetext", (shown.textContent = words(read())));
  const assign = (wanted) => ((input.value = options ? wanted : to(wanted)), tell());
  input.addEventListener("input", () => (tell(), changed()));
  assign(value);
  return { name, group, read, assign, node: make("label", {}, make("span", {}, label), shown, input) };
}

const choice = (name, options, value = options[0]) => ({ name, label: name, options, value });
const slider = (name, label, value, low, high, step, more) => ({ name, label, value, low, high, step, ...more });
const rateSlider = (name, label, value, low, high) => slider(name, label, value, low, high, 0.02, { log: true });
const axis = (low, high, label, log = false) => ({ low, high, label, log });

// The explorers ---------------------------------------------------------------------------------------
// Each takes its data and returns its controls; a name of its picture; and `update`, which takes the values of the
// controls and a width and returns what is to be seen: a sentence [what happens, more], layers of SVG, a height, a
// table, and perhaps hidden controls, a legend [[style, name]], code, and `pick`, from a place to new values. Or
// it returns in words why there is nothing to see.

function gradientDescent({ draws, landscape, optimizer }) {
  const controls = [
    choice("landscape", Object.keys(LANDSCAPES), landscape), slider("angle", "turned by (degrees)", 0, 0, 90, 5),
    choice("optimizer", ["SGD", "Adagrad", "RMSprop", "Adam"], optimizer),
    rateSlider("rate", "learning rate", 0.1, 1e-3, 10 ** 0.6),
    slider("momentum", "momentum", 0, 0, 0.99, 0.01), slider("noise", "noise", 0, 0, 2, 0.05),
    slider("x", "start x", -1.6, -2.5, 2.5, 0.05), slider("y", "start y", 1, -2, 2, 0.05),
  ];
  let ground = {}; // drawn anew only where it has changed
  const update = (v, width) => {
    const { loss, gradient, floor } = rotated(LANDSCAPES[v.landscape], v.landscape === "ravine" ? v.angle : 0);
    const path = descend(gradient, [v.x, v.y], { ...v, draws });
    const gaps = path.map((place) => Math.max(loss(...place) - floor, 1e-9));
    const [one, two, height] = boxes(width, (part) => 0.8 * (part - 76) + 68); // so that a bowl is round
    const field = axes(one, "The path, from the square", axis(-2.5, 2.5, "x"), axis(-2, 2, "y"));
    const curve = axes(two, "Loss of each step", axis(0, 100, "step"), axis(1e-8, 1e3, "above the lowest", true));
    const key = [v.landscape, v.angle, width].join();
    if (ground.key !== key) {
      const gap = (a, b) => loss(a, b) - floor, rise = (Math.max(gap(-2.5, 2), 3) / 0.05) ** (1 / 8);
      ground = { key, drawn: field.frame + contours(gap, field, range(9).map((i) => 0.05 * rise ** i)) };
    }
    const square = `<rect x="${field.across(v.x) - 5}" y="${field.up(v.y) - 5}" width="10" height="10"/>`;
    const [head, more] = happens(path, gaps, gradient(...path[100]), v.noise);
    const drawn = field.inside(field.line(path, 1, 1, "none"), field.dots(path, 1), square);
    const losses = curve.inside(curve.line(gaps.map((gap, step) => [step, gap]), 0));
    return {
      say: [head, `${more} Loss above the lowest: ${short(gaps[0])} at first, ${short(gaps[100])} at last.`],
      layers: [ground.drawn, drawn, curve.frame, losses], height,
      hidden: [v.landscape !== "ravine" && "angle", v.optimizer !== "SGD" && "momentum"],
      pick: (a, b) => field.holds(a, b) && { x: field.across.back(a), y: field.up.back(b) },
      table: ["Each step", ["step", "x", "y", "loss above the lowest"],
        path.map((place, step) => [step, ...[...place, gaps[step]].map((number) => short(number, 6))])],
    };
  };
  return { controls, update, picture: "A map of the landscape with the path, and the loss of each step" };
}

function twoSchedules({ steps_per_epoch: size, epochs, first, schedules }) {
  const whole = (name, label, value, low) =>
    slider(name, `${label} (epochs)`, clamp(value, low, epochs), low, epochs, 1);
  const controls = ["A", "B"].flatMap((side, i) => [
    choice("kind", schedules, first[i]), rateSlider("rate", "largest rate", 0.1, 1e-5, 10),
    slider("drop", "drop", 0.5, 0.05, 0.95, 0.05), whole("every", "every", 2, 1),
    rateSlider("decay", "decay per epoch", 0.3, 0.01, 10), rateSlider("min_lr", "min_lr", 0.01, 1e-5, 10),
    whole("half", "half cycle", 2, 1), choice("policy", Object.keys(POLICIES)),
    whole("warmup", "warm-up", Math.min(1, epochs - 1), 0), whole("stable", "stable", Math.min(4, epochs - 2), 0),
  ].map((spec) => ({ ...spec, name: `${side} ${spec.name}`, group: `Schedule ${side}` })));
  const names = distinct(controls.map(({ name }) => name.slice(2)));
  const told = ({ why, rates }) => {
    if (why) return `cannot be drawn: ${why}.`;
    const top = highest(rates), at = Math.floor(rates.indexOf(top) / size) + 1, ends = short(rates.at(-1));
    if (top === lowest(rates)) return `stays at ${ends}.`;
    const peak = `is highest in epoch ${at} at ${short(top)}`;
    return `starts at ${short(rates[0])}, ${peak} and ends at ${ends}; its mean is ${short(mean(rates))}.`;
  };
  const update = (v, width) => {
    const own = (side) => Object.fromEntries(names.map((name) => [name, v[`${side} ${name}`]]));
    const made = ["A", "B"].map((side) => schedule(v[`${side} kind`], own(side), size, epochs));
    const top = highest(made.flatMap(({ rates }) => rates ?? [])), height = width < 640 ? 260 : 320;
    const box = { left: 0, top: 0, width, height }, y = axis(0, known(top) ? 1.05 * top : 1, "learning rate");
    const plot = axes(box, "The rate of every step", axis(0, epochs, "epoch"), y);
    const lines = made.map(({ rates = [] }, i) => plot.line(rates.map((rate, t) => [t / size, rate]), i));
    const said = made.map((one, i) => `${"AB"[i]} ${told(one)}`).join(" ");
    const asked = (name) => name.slice(2) === "kind" || SCHEDULES[v[`${name[0]} kind`]][0].includes(name.slice(2));
    return {
      say: made.some(({ why }) => why) ? [said, ""] : ["", said],
      layers: [plot.frame, plot.inside(...lines, known(top) ? "" : plot.note("no rates: the sentence says why"))],
      height, hidden: Object.keys(v).filter((name) => !asked(name)), legend: [[0, "A"], [1, "B"]],
      code: made.map(({ call }, i) => `${"AB"[i]}: ${call ?? "–"}`),
      table: ["The rate of each epoch's first step", ["epoch", "A", "B"],
        range(epochs).map((epoch) => [epoch + 1, ...made.map(({ rates }) => short(rates?.[epoch * size], 6))])],
    };
  };
  return { controls, update, picture: "The rates of both schedules over the epochs" };
}

function rangeTest({ rates, sweeps, smoothed, rules, bounds }) {
  const seen = smoothed.filter(known), end = rates.length - 1;
  if (!seen.length) return "This range test saw no finite loss to draw: begin with a smaller min_lr.";
  const off = (i, wanted) => Math.abs(Math.log(rates[i] / wanted));
  const nearest = (wanted) => range(end + 1).reduce((a, b) => (off(b, wanted) < off(a, wanted) ? b : a));
  const bound = (name, at) => slider(name, name, nearest(at), 0, end, 1, { words: (i) => short(rates[i], 2) });
  const controls = [bound("min_lr", (bounds ?? rates)[0]), bound("max_lr", bounds ? bounds[1] : rates[end])];
  const picks = rules.filter(({ pick }) => known(pick)), margin = 0.3 * (highest(seen) - lowest(seen) || 1);
  const losses = axis(lowest(seen) - margin, Math.min(highest(seen), 2 * seen[0]) + margin, "loss of the batch");
  const legend = picks.map(({ name, pick, spread: ends }, i) =>
    [i, `${name} ${short(pick, 2)}${sweeps.length > 1 ? ` (${extent(ends)})` : ""}`]);
  const update = (v, width) => {
    const low = rates[v.min_lr], high = rates[v.max_lr], fits = low < high;
    const [one, two, height] = boxes(width, () => 300);
    const curve = axes(one, "Between the bounds", axis(rates[0], rates[end], "learning rate", true), losses);
    const cycle = axes(two, "The triangular cycle", axis(0, 4, "step / step size"), axis(0, 1.05 * high, "rate"));
    const points = (values) => values.map((loss, i) => [rates[i], loss]);
    const lines = picks.map(({ pick }, i) => curve.line([[pick, losses.low], [pick, losses.high]], i));
    const [left, right] = [low, Math.max(low, high)].map((rate) => curve.across(rate));
    const band = `<rect class="band" x="${left}" y="0" width="${right - left}" height="400"/>`;
    const named = (inside) => picks.filter(({ pick }) => (low <= pick && pick <= high) === inside)
      .map(({ name }) => name).join(", ") || "none";
    const found = picks.length ? `Picks between the bounds: ${named(true)}; outside: ${named(false)}.`
      : `No rule finds a rate on this curve: ${rules[0].why}.`;
    return {
      say: [fits ? "" : "min_lr must be below max_lr: move the bounds apart.", found],
      layers: [curve.frame, curve.inside(...sweeps.map((sweep) => curve.dots(points(sweep), 4, 3, 0.4))),
        curve.inside(band, curve.line(points(smoothed), 4, 2, "none"), ...lines), cycle.frame,
        fits ? cycle.line([low, high, low, high, low].map((rate, i) => [i, rate]), 0) : cycle.note("no cycle")],
      height, legend,
      code: [fits ? `lr.CyclicalLearningRate(${short(low, 2)}, ${short(high, 2)}, step_size)` : "–"],
      pick(a, b) {
        const i = nearest(curve.across.back(a)), lower = Math.abs(i - v.min_lr) < Math.abs(i - v.max_lr);
        return curve.holds(a, b) && { [lower ? "min_lr" : "max_lr"]: i };
      },
      table: ["Each rate of the test", ["learning rate", "smoothed loss"],
        rates.map((rate, i) => [short(rate), short(smoothed[i], 6)])],
    };
  };
  return { controls, update, picture: "The loss against the learning rate, and the cycle between the bounds" };
}

const kind = ({ optimizer, schedule }) => `${optimizer}, ${schedule}`;
const rateAxis = (rates, label) => axis(lowest(rates) / 1.5, highest(rates) * 1.5, label, true);

function manyRuns({ runs = [], curves, view, views }) {
  const has = (metric) => runs.some(({ history }) => history[metric]?.length);
  const there = ["val_loss", "loss", "val_accuracy", "accuracy"].filter(has);
  if (!there.length) return "There is no run with a finished epoch to show: train one, or load some.";
  const found = (key) => distinct(runs.map((run) => run[key])).sort((a, b) => (a < b ? -1 : 1)).map(word);
  const several = ["optimizer", "schedule", "rate"].filter((key) => found(key).length > 1);
  const controls = [choice("view", views, view), choice("curve", there),
    ...several.map((key) => choice(key, ["all", ...found(key)]))];

  // Every epoch: a curve for each run, and the rates of its steps once for those that share them.
  const epochs = ({ chosen, style, metric, y, one, two }) => {
    const x = axis(0, highest(runs.map(({ history }) => history[metric]?.length ?? 0)), "epoch");
    const left = axes(one, "Each run", x, y);
    const used = distinct(chosen.map(({ curve }) => curve)).filter((curve) => curves[curve]);
    const rates = used.flatMap((curve) => curves[curve]).filter((rate) => rate > 0), top = highest(rates);
    const seen = rates.length ? rates.filter((rate) => rate > top * 1e-7) : [0.1, 1];
    const right = axes(two, "The rate of every step", x, rateAxis(seen, "learning rate"));
    const lines = used.map((curve) => {
      const run = chosen.find((other) => other.curve === curve), last = Math.max(curves[curve].length - 1, 1);
      const points = curves[curve].map((rate, i) => [(i * run.history[metric].length) / last, rate]);
      return right.line(points, style(run), 1.5);
    });
    const drawn = chosen.map((run) => {
      const points = run.history[metric].map((value, i) => [i + 1, value]);
      return points.length > 1 ? left.line(points, style(run), 1.5) : left.dots(points, style(run));
    });
    if (!rates.length) lines.push(right.note("unknown here"));
    return { layers: [left.frame, left.inside(...drawn), right.frame, right.inside(...lines)] };
  };

  // Against the rate: a dot for each run's end, a line through the medians; and the share that knows nothing.
  const ends = ({ chosen, style, metric, y, one, two }) => {
    const rates = ordered(distinct(runs.map(({ rate }) => rate))), x = rateAxis(rates, "largest rate");
    const left = axes(one, "How they end", x, y), drawn = [], shares = [], middles = [];
    const right = axes(two, "Share of runs no better than guessing", x, axis(-4, 104, "%"));
    const last = (run) => run.history[metric].at(-1) ?? y.high; // what is no number any more, at the upper edge
    for (const group of distinct(chosen.map(kind))) {
      const own = chosen.filter((run) => kind(run) === group), i = style(own[0]);
      const cells = rates.map((rate) => own.filter((run) => run.rate === rate)).filter((some) => some.length);
      const middle = cells.map((some) => ({ rate: some[0].rate, median: median(some.map(last)),
        words: `${group} at rate ${word(some[0].rate)}: ${spread(some.map(last))}` }));
      const share = cells.map((some) => [some[0].rate, 100 * mean(some.map(({ collapsed }) => collapsed))]);
      const line = left.line(middle.map((one) => [one.rate, one.median]), i);
      drawn.push(line, left.dots(own.map((run) => [run.rate, last(run)]), i));
      shares.push(right.line(share, i), right.dots(share, i));
      middles.push(...middle);
    }
    const sign = metric.endsWith("loss") ? 1 : -1, [best] = middles.sort((a, b) => sign * (a.median - b.median));
    const result = best && `The ${sign > 0 ? "lowest" : "highest"} median is that of ${best.words}.`;
    return { layers: [left.frame, left.inside(...drawn), right.frame, right.inside(...shares)], result };
  };

  const update = (v, width) => {
    const against = v.view === views[1], metric = v.curve, loss = metric.endsWith("loss");
    const keys = several.filter((key) => !(against && key === "rate"));
    const fits = (run) => keys.every((key) => v[key] === "all" || v[key] === word(run[key]));
    const chosen = runs.filter((run) => run.history[metric]?.length && fits(run));
    // The finest way to tell them apart for which there are colours enough; else all look the same.
    const few = (way) => distinct(chosen.map(way)).length <= STYLES.length;
    const name = [...(against ? [] : [({ label }) => label]), kind].find(few);
    const names = name ? distinct(chosen.map(name)) : [], style = (run) => (name ? names.indexOf(name(run)) : 4);
    const values = chosen.flatMap(({ history }) => history[metric].slice(against ? -1 : 0));
    const seen = values.filter((value) => known(value) && (!loss || value > 0));
    const [low, high] = seen.length ? [lowest(seen), highest(seen)] : [0.1, 1];
    const label = metric.replace("val_", "validation ");
    const y = loss ? axis(low / 1.1, high * 1.1, label, true) : axis(low - 0.02, high + 0.02, label);
    const [one, two, height] = boxes(width, () => 300);
    const { layers, result } = (against ? ends : epochs)({ chosen, style, metric, y, one, two });
    const lost = chosen.filter(({ collapsed }) => collapsed).map(({ rate }) => rate);
    const of = (key) => chosen.map((run) => run[key]), tests = of("test_loss").filter(known);
    const tested = tests.length ? `Test loss ${spread(tests)}.` : "No test loss.";
    const where = lost.length ? `, at rate ${ordered(distinct(lost)).map(word).join(", ")}` : "";
    const hint = name ? "" : "To tell them apart, choose an optimizer or a schedule.";
    const ended = ({ status, collapsed }) => (status === "finished" && collapsed ? "guessing" : status);
    return {
      say: chosen.length
        ? [`${count(chosen, "run")}, ${count(of("label"), "setting")}, ${count(of("seed"), "seed")}.`,
          `${result ?? tested} No better than guessing: ${lost.length}${where}. ${hint}`]
        : ["No run has this combination.", "Set one of the choices to “all”."],
      layers, height, hidden: [against && "rate"], legend: names.map((group, i) => [i, group]),
      table: ["Each run", ["run", "seed", "epochs", `last ${label}`, "test loss", "ended"], chosen.map((run) =>
        [run.label, run.seed, run.history[metric].length, short(run.history[metric].at(-1), 6),
          short(run.test_loss, 6), ended(run)])],
    };
  };
  return { controls, update, picture: "Curves of the runs beside their rates, or how they end against the rate" };
}

// On the page -----------------------------------------------------------------------------------------
// Text and ground are those of JupyterLab or of the reading edition; elsewhere those that the reader prefers.
const CSS = `
& { --ink: var(--jp-content-font-color1, var(--pst-color-text-base, CanvasText)); color: var(--ink);
  --paper: var(--jp-layout-color0, var(--pst-color-background, Canvas)); background: var(--paper);
  color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif; max-width: 960px; padding: 4px; }
& [hidden] { display: none !important; }
& .groups { display: grid; gap: 8px 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); }
& fieldset { border: 0; margin: 0; padding: 0; min-width: 0; display: grid; gap: 4px 20px; align-content: start;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
& legend { font: inherit; font-weight: 600; padding: 0; margin: 0; border: 0; }
& label { display: grid; grid-template-columns: 1fr auto; align-content: start; margin: 0; }
& input, & select { grid-column: 1 / -1; width: 100%; height: 32px; margin: 0; font: inherit;
  box-sizing: border-box; accent-color: #0072b2; }
& select, & option { color: var(--ink); background: var(--paper); border: 1px solid; }
& :focus-visible { outline: 3px solid #56b4e9; outline-offset: 2px; }
& > svg { display: block; width: 100%; height: auto; user-select: none; touch-action: manipulation; }
& text { font-size: 12px; fill: currentColor; text-anchor: middle; }
& text.title { font-weight: 600; } & text.left { text-anchor: end; }
& path { fill: none; } & rect { fill: currentColor; } & rect.band { fill: #0072b2; fill-opacity: 0.2; }
& .grid, & .contour, & .axis { stroke: currentColor; stroke-opacity: 0.5; } & .grid { stroke-opacity: 0.15; }
& .legend { display: flex; flex-wrap: wrap; gap: 2px 18px; } & .legend svg { width: 34px; margin-right: 6px; }
& .say { margin: 8px 0; min-height: 3em; }
& .code { font: 13px/1.6 ui-monospace, monospace; overflow-wrap: anywhere; }
& summary { cursor: pointer; padding: 8px 0; } & .numbers { max-height: 300px; overflow: auto; }
& caption, & th, & td { text-align: left; padding: 2px 16px 2px 0; caption-side: top; color: inherit; }
@media (max-width: 500px) { & .say { min-height: 6em; } }
@media (pointer: coarse) { & input, & select { height: 44px; } & summary { padding: 12px 0; } }
@media print { & { --ink: #000; --paper: #fff; break-inside: avoid; } & input, & details { display: none; } }
`.replaceAll("&", ".lr-explorer");

const EXPLORERS = new Map([["gradient descent", gradientDescent], ["schedules", twoSchedules],
  ["range test", rangeTest], ["runs", manyRuns]]);
const swatch = (i) => `<svg viewBox="0 0 34 10" aria-hidden="true"><path d="M0 5H34" stroke="${STYLES[i][0]}"
  stroke-width="3" stroke-dasharray="${STYLES[i][1]}"/></svg>`;
const cells = (tag, row) => row.map((cell) => `<${tag}>${plain(cell)}</${tag.slice(0, 2)}>`).join("");
const tableOf = ([name, head, rows]) => `<table><caption>${plain(name)}</caption>
  <thead><tr>${cells('th scope="col"', head)}</tr></thead>
  <tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("")}</tbody></table>`;

// Put an explorer into an element; returns what takes it away again.
export function mount(element, data) {
  const root = make("div", { class: "lr-explorer" }), nothing = "There is nothing to draw from: run the notebook.";
  element.append(root);
  const explorer = EXPLORERS.get(data?.explorer)?.(data) ?? nothing;
  if (typeof explorer === "string") return root.append(explorer), () => root.remove();
  root.innerHTML = `<style>${CSS}</style><div class="groups"></div>
    <p class="say" aria-live="polite"><strong></strong> <span></span></p>
    <svg role="img" aria-label="${explorer.picture}. The sentence above says what there is to see."></svg>
    <div class="legend"></div><div class="code"></div><details><summary>The numbers as a table</summary>
    <div class="numbers" tabindex="0" role="region" aria-label="The numbers"></div></details>`;
  const [, groups, say, svg, legend, code, numbers] = root.children;
  const controls = explorer.controls.map((spec) => control(spec, () => refresh()));
  for (const group of distinct(controls.map((one) => one.group))) {
    const own = controls.filter((one) => one.group === group).map(({ node }) => node);
    groups.append(make("fieldset", {}, ...(group ? [make("legend", {}, group)] : []), ...own));
  }

  let width = 640, shown;
  const write = (node, markup) => node.drawn === markup || (node.innerHTML = node.drawn = markup);
  function refresh() {
    shown = explorer.update(Object.fromEntries(controls.map(({ name, read }) => [name, read()])), width);
    for (const { name, node } of controls) node.hidden = Boolean(shown.hidden?.includes(name));
    svg.setAttribute("viewBox", `0 0 ${width} ${shown.height}`);
    while (svg.children.length < shown.layers.length) svg.append(document.createElementNS(svg.namespaceURI, "g"));
    shown.layers.forEach((layer, i) => write(svg.children[i], layer));
    shown.say.forEach((words, i) => write(say.children[i], plain(words)));
    write(legend, (shown.legend ?? []).map(([i, name]) => `<span>${swatch(i)}${plain(name)}</span>`).join(""));
    write(code, (shown.code ?? []).map((line) => `<div>${plain(line)}</div>`).join(""));
    if (numbers.open) write(numbers.lastChild, tableOf(shown.table));
  }
  numbers.addEventListener("toggle", refresh);
  // JupyterLab would take the keys for itself: arrows leave the cell, "r" turns it raw. Ctrl-S stays the page's.
  root.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.stopPropagation());
  const pick = (event) => {
    const box = svg.getBoundingClientRect(), size = width / box.width;
    const found = shown.pick?.((event.clientX - box.left) * size, (event.clientY - box.top) * size);
    if (!found) return;
    for (const { name, assign } of controls) if (name in found) assign(found[name]);
    refresh();
  };
  svg.addEventListener("click", pick);
  const dragged = (event) => event.buttons === 1 && event.pointerType === "mouse"; // a finger scrolls the page
  svg.addEventListener("pointermove", (event) => dragged(event) && pick(event));
  const watch = new ResizeObserver(([{ contentRect }]) => {
    const now = Math.max(Math.round(contentRect.width), 260);
    if (now !== width) refresh((width = now));
  });
  watch.observe(root);
  refresh();
  return () => (watch.disconnect(), root.remove());
}

export default { render: ({ model, el }) => mount(el, model.get("data")) };
