"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const isSupernet = page.kind === "supernet";
const SHELL = "keras-elastic";
const at = (id) => document.getElementById(id);

// Elements. Texts are never read as HTML.

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  const space = "http://www.w3.org/2000/svg";
  return fill(document.createElementNS(space, tag), attributes, children);
}

function bar(share, mark = null) {
  const node = make("span", { class: "bar" }, make("b"));
  node.firstChild.style.width = `${100 * Math.min(1, share)}%`;
  if (mark !== null) {
    const place = make("s");
    place.style.left = `calc(${100 * Math.min(1, mark)}% - 1px)`;
    node.append(place);
  }
  return node;
}

function table(head, rows) {
  const cells = (tag, row) => row.map((cell) => make(tag, {}, cell));
  return make(
    "table", {},
    make("thead", {}, make("tr", {}, ...cells("th", head))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells("td", row)))),
  );
}

// Numbers

function short(value, units) {
  let place = 0;
  while (place < units.length - 1 && Math.abs(value) >= 999.5) {
    value /= 1000;
    place += 1;
  }
  const digits = Number(value.toPrecision(3));
  return units[place] ? `${digits} ${units[place]}` : String(digits);
}

const readable = (name) => name.replaceAll("_", " ").replace(/([a-z])(\d)/g, "$1 $2");
const count = (value) => short(value, ["", "k", "M", "G", "T"]);
const bytes = (value) => short(value, ["bytes", "kB", "MB", "GB"]);
const percent = (value) => `${(100 * value).toFixed(2)} %`;
const share = (value) => `${Number((100 * value).toPrecision(2))} %`;
const milliseconds = (value) => `${Number(value.toPrecision(3))} ms`;

function parse(text) {
  const match = /^\s*([\d.]+(?:e\d+)?)\s*([kmg]?)(?:s|ms)?\s*$/i.exec(text);
  const value = match ? Number(match[1]) : NaN;
  const scale = { k: 1e3, m: 1e6, g: 1e9 };
  // Of a latency, m begins milliseconds.
  const unit = match && state.axis !== "latency" ? match[2].toLowerCase() : "";
  return value * (scale[unit] ?? 1);
}

// The front, by one cost

const mean = isSupernet ? "" : "mean ";
const AXES = {
  flops: { label: `${mean}multiply-adds`, show: count, argument: "flops" },
  params: { label: "parameters", show: count, argument: "params" },
  latency: { label: "latency", show: milliseconds, argument: null },
};
const has = (name) => page.rows.every((row) => typeof row[name] === "number");
const axes = Object.keys(AXES).filter(has);
const reported = has("test") ? "test" : "held_out";
const split = { test: "test split", held_out: "held-out images" };

const state = { axis: "flops", budget: 0, chosen: -1 };

// Rows are in order of their score: the last within a budget is the best.
function best(axis, budget) {
  return page.rows.findLastIndex((row) => row[axis] <= budget);
}

// Rows that are the best at their own cost, the cheapest first.
function winners(axis) {
  const cost = (index) => page.rows[index][axis];
  return [...page.rows.keys()]
    .filter((index) => best(axis, cost(index)) === index)
    .sort((a, b) => cost(a) - cost(b));
}

function scaleOf(axis) {
  const costs = page.rows.map((row) => row[axis]);
  const [low, high] = [Math.min(...costs), Math.max(...costs)];
  const isLog = high > 4 * low;
  const to = isLog ? Math.log : (value) => value;
  const from = isLog ? Math.exp : (value) => value;
  const span = to(high) - to(low) || 1;
  return {
    low, high, isLog,
    place: (cost) => (to(cost) - to(low)) / span,
    cost: (place) => {
      if (place <= 0) return low;
      return place >= 1 ? high : from(to(low) + place * span);
    },
  };
}

function ticksOf(low, high, most, isLog) {
  if (isLog) {
    const finer = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]];
    for (const steps of finer) {
      const ticks = [];
      const first = 10 ** Math.floor(Math.log10(low));
      for (let power = first; power <= high; power *= 10) {
        ticks.push(...steps.map((step) => step * power)
          .filter((tick) => tick >= low && tick <= high));
      }
      if (ticks.length >= 4 || steps === finer.at(-1)) return ticks;
    }
  }
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((one) => one * power >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    ticks.push(Number(tick.toPrecision(12)));
  }
  return ticks;
}

function drawChart() {
  const width = Math.max(260, at("chart").clientWidth);
  const height = width < 480 ? 240 : 380;
  const [left, right, top, bottom] = [46, 12, 14, 40];
  const scale = scaleOf(state.axis);
  const axis = AXES[state.axis];
  const x = (cost) => left + (width - left - right) * scale.place(cost);
  const shown = page.rows.flatMap((row) =>
    [row.held_out, row[reported]].filter((value) => value !== null));
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  const pad = 0.08 * (most - least) || 0.01;
  const [low, high] = [least - pad, Math.min(1.002, most + pad)];
  const y = (value) =>
    top + (height - top - bottom) * (high - value) / (high - low);

  const svg = draw("svg", {
    viewBox: `0 0 ${width} ${height}`, height, role: "img",
    "aria-label": `Accuracy against ${axis.label}. The figures are in the ` +
      "table of the whole front.",
  });
  const bound = x(state.budget);
  svg.append(draw("rect", {
    class: "beyond", x: bound, y: top,
    width: Math.max(0, width - bound), height: height - top - bottom,
  }));
  for (const tick of ticksOf(low, high, 5, false)) {
    const label = `${Number((100 * tick).toFixed(1))} %`;
    svg.append(
      draw("line", { class: "grid", x1: left, x2: width, y1: y(tick), y2: y(tick) }),
      draw("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, label),
    );
  }
  let free = -Infinity;
  for (const tick of ticksOf(scale.low, scale.high, 5, scale.isLog)) {
    const label = axis.show(tick);
    // None over another, or over the edge.
    const half = 4 * label.length;
    if (x(tick) - half < free || x(tick) + half > width) continue;
    free = x(tick) + half + 4;
    svg.append(draw("text", {
      x: x(tick), y: height - bottom + 17, "text-anchor": "middle",
    }, label));
  }
  svg.append(draw("text", {
    x: (left + width) / 2, y: height - 5, "text-anchor": "middle",
  }, `${axis.label} of one image${scale.isLog ? ", logarithmic" : ""}`
    .replace("parameters of one image", "parameters")));

  const front = winners(state.axis);
  const path = front.map((index) =>
    `${x(page.rows[index][state.axis])},${y(page.rows[index][reported])}`);
  svg.append(
    draw("polyline", { class: "path", points: path.join(" ") }),
    draw("line", {
      class: "bound", x1: bound, x2: bound, y1: top, y2: height - bottom,
    }),
  );
  page.rows.forEach((row, index) => {
    const beaten = front.includes(index) ? "" : " beaten";
    for (const name of new Set(["held_out", reported])) {
      const point = draw("circle", {
        class: `point ${name}${beaten}`, cx: x(row[state.axis]), cy: y(row[name]),
        r: name === reported ? 5 : 3.5,
      }, draw("title", {},
        `${percent(row[name])} on the ${split[name]}, ` +
        `${axis.show(row[state.axis])} ${axis.label}`));
      point.addEventListener("click", () => spend(row[state.axis]));
      svg.append(point);
    }
  });
  const row = page.rows[state.chosen];
  svg.append(draw("circle", {
    class: "chosen", cx: x(row[state.axis]), cy: y(row[reported]), r: 10,
  }));
  at("chart").replaceChildren(svg);
}

// The chosen network

function tile(label, value, note = "", part = null) {
  const content = [value];
  if (part !== null) content.push(bar(part));
  if (note) content.push(make("small", {}, note));
  return [make("dt", {}, label), make("dd", {}, ...content)];
}

function showTiles(row) {
  const tiles = [];
  const add = (...values) => tiles.push(make("div", {}, ...tile(...values)));
  if (isSupernet) {
    const own = page.networks[row.networks[0]];
    const of = (name) => own[name] / page.largest[name];
    const note = (name) => `${share(of(name))} of the largest`;
    add("Multiply-adds", count(own.flops), note("flops"), of("flops"));
    add("Parameters", count(own.params), note("params"), of("params"));
    add("Peak activations", bytes(own.memory), note("memory"), of("memory"));
    add("Images", `${own.resolution} px`,
      `of ${page.largest.resolution} px`, of("resolution"));
    if (typeof row.latency === "number") {
      add("Latency", milliseconds(row.latency), "on the machine of the card");
    }
  } else {
    const part = row.flops / page.most;
    add("Mean multiply-adds", count(row.flops),
      `${share(part)} of an image that goes all the way`, part);
    if (row.threshold !== null) {
      add("Exit threshold", row.threshold.toFixed(4),
        "of the largest probability");
    }
    add("Model", row.file, bytes(row.bytes));
  }
  at("tiles").replaceChildren(...tiles);
}

function showChosen(row) {
  const axis = AXES[state.axis];
  const budget = `${axis.show(state.budget)} ${axis.label}`;
  const last = page.rows[page.rows.length - 1];
  at("score").replaceChildren(
    percent(row[reported]), " ",
    make("small", {}, `on the ${split[reported]}`),
  );
  const number = page.rows.indexOf(row) + 1;
  let why = `Number ${number} of the ${page.rows.length} on the front: the ` +
    `best on held-out images (${percent(row.held_out)}) with at most ${budget}.`;
  if (row !== last) {
    const points = 100 * (last[reported] - row[reported]);
    const distance = points < 0.005
      ? "is no more accurate"
      : `is ${points.toFixed(2)} points more accurate`;
    why += ` The front's last ${distance}, and takes ` +
      `${(last.flops / row.flops).toFixed(1)} times the multiply-adds.`;
  }
  at("why").textContent = why;
}

function budgetOf(row) {
  const isParams = AXES[state.axis].argument === "params";
  return isParams ? ["params", row.params] : ["flops", row.budget];
}

function command(row, more) {
  const [name, value] = budgetOf(row);
  return `${SHELL} load ${page.shell} --${name}=${value} ${more}`;
}

function showLines(row) {
  const [name, value] = budgetOf(row);
  at("lines").replaceChildren(
    line("In Python, after import keras_elastic as ke",
      `model = ke.load(${page.python}, ${name}=${value})`),
    line("In a shell, as a SavedModel", command(row, "--export=served")),
  );
}

function line(label, text) {
  const code = make("code", { tabindex: 0 });
  // So that lines are broken between arguments, and not inside of them.
  for (const part of text.split(/(\s+)/)) {
    code.append(part.trim() ? make("span", {}, part) : part);
  }
  const button = make("button", { type: "button" }, "Copy");
  button.setAttribute("aria-label", `Copy: ${label}`);
  button.addEventListener("click", () => copy(text, code, button));
  return make("div", { class: "line" },
    make("span", {}, label), make("div", {}, code, button));
}

async function copy(text, code, button) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not every browser gives a local file the clipboard.
    getSelection().selectAllChildren(code);
    copied = document.execCommand("copy");
  }
  button.textContent = copied ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// Blocks: what `facts.py` says of each

function read(place) {
  if (place < 0) return null;
  const [channels, kernel, size, outSize, attends, flops, params, memory] =
    page.blocks[place];
  return { channels, kernel, size, outSize, attends, flops, params, memory };
}

// The channels of a block, and what else it is.
function textOf(block) {
  if (!block) return ["skipped", []];
  const { channels, kernel } = block;
  const notes = [];
  if (kernel) notes.push(`${kernel}×${kernel}`);
  if (channels.length === 3 && channels[1] > channels[0]) {
    notes.push(`×${Number((channels[1] / channels[0]).toFixed(1))}`);
  }
  if (block.attends) notes.push("SE");
  return [channels.join(" → "), notes];
}

function pixelsOf(block) {
  if (!block) return [];
  const { size, outSize } = block;
  return [size === outSize ? `${size} px` : `${size}→${outSize} px`];
}

function outline(channels, widest, name) {
  const half = (value) => Math.max(1, 50 * Math.sqrt(value / widest));
  const rows = channels.map((value, index) =>
    [half(value), (40 * index) / (channels.length - 1)]);
  const points = [
    ...rows.map(([x, y]) => [50 - x, y]),
    ...rows.reverse().map(([x, y]) => [50 + x, y]),
  ];
  return draw("polygon", { class: name, points: points.join(" ") });
}

function shape(own, largest, widest) {
  const svg = draw("svg", {
    viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true",
  });
  if (largest) svg.append(outline(largest.channels, widest, "ghost"));
  if (own) {
    const kernel = Math.min(7, own.kernel);
    svg.append(outline(own.channels, widest, `child k${kernel}`));
  }
  return make("div", { class: "shape" }, svg);
}

function described(name, block, more, other = null) {
  const [channels, notes] = textOf(block);
  const known = other ? textOf(other)[1] : [];
  const texts = [...notes, ...more].map((note, index) =>
    make("span", { class: known.includes(note) ? "known" : "" },
      index ? ` · ${note}` : note));
  return make("div", { class: name }, channels, " ",
    make("small", {}, ...texts));
}

function showBlocks(network) {
  const largest = page.largest;
  const names = page.plans[network.plan];
  const facts = names.map((_, index) => [
    read(network.blocks[index]),
    largest ? read(largest.blocks[index]) : null,
  ]);
  const widest = Math.max(...facts.flat().filter(Boolean)
    .flatMap((block) => block.channels));
  const list = make("ol", { class: largest ? "blocks" : "blocks alone" });
  const top = ["", "", "This network", "The largest", "multiply-adds"];
  const areas = ["name", "", "own", "largest", "cost"];
  list.append(make("li", { class: "top", "aria-hidden": "true" },
    ...top.map((text, index) => make("div", { class: areas[index] }, text))
      .filter((cell) => cell.className && (largest || cell.className !== "largest"))));
  let before = "";
  names.forEach(([name, stage], index) => {
    const [own, ghost] = facts[index];
    const first = stage !== before;
    before = stage;
    const label = make("div", { class: "name" });
    if (first) label.append(make("b", {}, readable(stage)));
    if (name !== stage) label.append(readable(name.replace(`${stage}_`, "")));
    const cells = [label, shape(own, ghost, widest), described("own", own, pixelsOf(own))];
    if (largest) {
      const same = own && ghost && `${textOf(own)}` === `${textOf(ghost)}`;
      const cell = described("largest", ghost, [], own);
      cell.prepend(make("span", { class: "hidden" }, "largest: "));
      if (same) cell.classList.add("same");
      cells.push(cell);
    }
    cells.push(make("div", { class: "cost" }, own ? count(own.flops) : "–"));
    list.append(make("li", { class: first ? "first" : "" }, ...cells));
  });
  return list;
}

function showNetworks(networks) {
  const parts = networks.flatMap((network) => [
    ...titles(network),
    ...(network.note ? [make("p", { class: "note" }, network.note)] : []),
    showBlocks(network),
  ]);
  const used = new Set(networks.flatMap((network) => network.blocks
    .filter((place) => place >= 0).map((place) => read(place).kernel)));
  const legend = make("p", { class: "legend" });
  for (const kernel of [...used].filter(Boolean).sort((a, b) => a - b)) {
    const color = `square k${Math.min(7, kernel)}`;
    legend.append(make("i", { class: color }), `${kernel}×${kernel}`);
  }
  if (page.largest) {
    legend.append(make("i", { class: "dashed" }), "the largest network of the " +
      `space, ${page.largest.resolution} px`);
  }
  parts.push(make("p", { class: "note" },
    "From the image at the top to the classes. Each shape is as wide as the " +
    "square root of the channels: those that come in, those inside, those " +
    "that go out. ×6 is the expansion, SE is squeeze-excite, px the height " +
    "of the maps."));
  at("networks").replaceChildren(legend, ...parts);
}

function titles(network) {
  return network.title ? [make("h3", {}, network.title)] : [];
}

// Costs by stage

function stagesOf(network, plan) {
  const stages = new Map();
  network.blocks.forEach((place, index) => {
    const block = read(place);
    const stage = page.plans[plan][index][1];
    const sums = stages.get(stage) ?? { flops: 0, params: 0, memory: 0 };
    if (block) {
      sums.flops += block.flops;
      sums.params += block.params;
      sums.memory = Math.max(sums.memory, block.memory);
    }
    stages.set(stage, sums);
  });
  return stages;
}

function showStages(networks) {
  const cell = (name, show, own, network, ghost) => {
    const part = own[name] / network[name];
    const mark = ghost ? ghost[name] / page.largest[name] : null;
    const text = make("small", {}, share(part));
    return make("span", {}, show(own[name]), " ", text, bar(part, mark));
  };
  const tables = networks.flatMap((network) => {
    const stages = stagesOf(network, network.plan);
    const ghosts = page.largest ? stagesOf(page.largest, network.plan) : null;
    const rows = [...stages].map(([stage, own]) => {
      const ghost = ghosts ? ghosts.get(stage) : null;
      return [
        readable(stage),
        cell("flops", count, own, network, ghost),
        cell("params", count, own, network, ghost),
        cell("memory", bytes, own, network, ghost),
      ];
    });
    const head = ["stage", "multiply-adds", "parameters", "activations"];
    return [...titles(network), table(head, rows)];
  });
  const note = "Of activations, the most that a block holds, as a share of " +
    "the network's peak." + (page.largest
    ? " The small marks are the shares of the largest network." : "");
  at("stages").replaceChildren(...tables, make("p", { class: "note" }, note));
}

// Exports, classes, table

function showExports(row, networks) {
  if (!isSupernet) {
    at("exports").replaceChildren(make("p", { class: "note" },
      `${row.file} takes ${bytes(row.bytes)}, with all that the model holds.`));
    return;
  }
  const sizes = Object.entries(networks[0].sizes);
  const rows = sizes.map(([name, size]) => [
    name, make("span", {}, bytes(size), bar(size / sizes[0][1])),
  ]);
  at("exports").replaceChildren(
    table(["weights", "bytes of the weights"], rows),
    make("p", { class: "note" },
      "Counted, not written: normalizations are folded into biases, and int8 " +
      "has a scale for each channel. The graph around the weights comes on " +
      "top, in a small LiteRT file some 50 to 80 kB."),
    line("float16, for phones",
      command(row, "--format=litert --quantization=float16 --export=phone")),
  );
}

function showClasses(row) {
  const names = page.class_names.join(", ");
  const more = page.classes - page.class_names.length;
  const list = make("details", {},
    make("summary", { class: "note" }, `Its ${page.classes} classes`),
    make("p", { class: "note" }, names + (more > 0 ? ` and ${more} more` : "")));
  at("classes").replaceChildren(
    ...(row.evaluated ? measured(row.evaluated) : howToMeasure(row)), list);
}

function measured({ dataset, split: part, images, top1, classes }) {
  const rows = classes.map(([name, accuracy]) => [
    name,
    accuracy === null
      ? "no image"
      : make("span", {}, percent(accuracy), bar(accuracy, top1)),
  ]);
  const about = `Measured by "evaluate" on ${images} images of ${dataset} ` +
    `(${part}), the least accurate first. The mark is at ${percent(top1)}, ` +
    "the accuracy of all.";
  return [
    make("p", { class: "note" }, about),
    make("div", { class: "scroll", tabindex: 0 }, table(["class", "accuracy"], rows)),
  ];
}

function howToMeasure(row) {
  return [
    make("p", { class: "note" },
      "It is not known of this network. One command measures it, and another " +
      "writes this page with it:"),
    line("Measure", `${SHELL} evaluate ${page.shell} --flops=${row.budget} ` +
      `--out=evaluated/${row.budget}`),
    line("Show", `${SHELL} explore ${page.shell} --evaluated=evaluated ` +
      "--out=page.html"),
  ];
}

function showTable() {
  const columns = [
    ...axes.map((axis) => [AXES[axis].label, (row) => AXES[axis].show(row[axis])]),
    ...(isSupernet
      ? [["pixels", (row) => String(page.networks[row.networks[0]].resolution)]]
      : [["threshold", (row) => row.threshold?.toFixed(4) ?? "–"]]),
    ["held-out", (row) => percent(row.held_out)],
    ["test", (row) => (row.test === null ? "–" : percent(row.test))],
  ];
  const node = table(columns.map(([label]) => label),
    page.rows.map((row) => columns.map(([, show]) => show(row))));
  [...node.tBodies[0].rows].forEach((tr, index) => {
    tr.className = index === state.chosen ? "now" : "";
  });
  at("table").replaceChildren(make("div", { class: "scroll" }, node));
}

// What moves

function showNetwork() {
  const row = page.rows[state.chosen];
  const networks = row.networks.map((place) => page.networks[place]);
  showTiles(row);
  showNetworks(networks);
  showStages(networks);
  showExports(row, networks);
  showClasses(row);
  showTable();
}

// The budget becomes `cost`, and with it all that is shown.
function spend(cost) {
  const scale = scaleOf(state.axis);
  const before = state.chosen;
  state.budget = Math.min(scale.high, Math.max(scale.low, cost));
  state.chosen = best(state.axis, state.budget);
  const row = page.rows[state.chosen];
  const axis = AXES[state.axis];
  at("slider").value = 1000 * scale.place(state.budget);
  at("slider").setAttribute("aria-valuetext",
    `at most ${axis.show(state.budget)} ${axis.label}: ` +
    percent(row[reported]));
  if (document.activeElement !== at("budget")) {
    at("budget").value = axis.show(state.budget).replace(" ms", "");
  }
  at("unit").textContent = state.axis === "latency" ? "ms" : axis.label;
  at("problem").textContent = "";
  drawChart();
  showChosen(row);
  showLines(row);
  if (state.chosen !== before) showNetwork();
  remember();
}

let remembering;
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const whole = Math.floor(state.budget);
    const isEnough = best(state.axis, whole) === state.chosen;
    const cost = isEnough ? whole : state.budget;
    history.replaceState(null, "", `#${state.axis}=${cost}`);
  }, 300);
}

function choose(axis, budget) {
  state.axis = axis;
  at("slider").disabled = winners(axis).length < 2;
  for (const input of at("axes").querySelectorAll("input")) {
    input.checked = input.value === axis;
  }
  spend(budget);
}

// Arrows go to the next network, and not to the next pixel.
function onKey(event) {
  const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  const front = winners(state.axis);
  const place = front.indexOf(state.chosen) + way;
  const index = front[Math.min(front.length - 1, Math.max(0, place))];
  spend(page.rows[index][state.axis]);
}

function onBudget() {
  const cost = parse(at("budget").value);
  const { low, high } = scaleOf(state.axis);
  const show = AXES[state.axis].show;
  if (!(cost > 0)) {
    at("problem").textContent = "A number is wanted, such as 25e6 or 25 M.";
    return;
  }
  spend(cost);
  if (cost < low) at("problem").textContent = `The least is ${show(low)}.`;
  if (cost > high) {
    at("problem").textContent = `The front ends at ${show(high)}.`;
  }
}

function fromAddress() {
  const [axis, budget] = location.hash.slice(1).split("=");
  if (!axes.includes(axis) || !(Number(budget) > 0)) return false;
  choose(axis, Number(budget));
  return true;
}

function begin() {
  const facts = [
    page.label, page.dataset, `${page.classes} classes`,
    ...(isSupernet ? [`${page.architectures} architectures`] : []),
    `${page.front} on its front`,
  ];
  at("about").textContent = facts.join(" · ");
  for (const axis of axes) {
    const input = make("input", { type: "radio", name: "axis", value: axis });
    input.addEventListener("change", () =>
      choose(axis, page.rows[state.chosen][axis]));
    at("axes").append(make("label", {}, input, AXES[axis].label));
  }
  at("axes").hidden = axes.length < 2;
  at("legend").append(make("i"), split[reported]);
  if (reported === "test") {
    at("legend").append(make("i", { class: "hollow" }),
      "held-out images, which chose it");
  }
  const notes = ["Multiply-adds, parameters and activations are counted from " +
    "the architecture. Accuracies are those of the entry's front.csv."];
  if (axes.includes("latency")) {
    notes.push("Latency is the median of one image on the machine that the " +
      "entry's card names.");
  }
  if (page.rows.length < page.front) {
    notes.push(`Of the front's ${page.front} networks ${page.rows.length} ` +
      "are shown, evenly over it.");
  }
  at("notes").textContent = notes.join(" ");
  at("slider").addEventListener("input", () =>
    spend(scaleOf(state.axis).cost(at("slider").value / 1000)));
  at("slider").addEventListener("keydown", onKey);
  at("budget").addEventListener("change", onBudget);
  addEventListener("hashchange", fromAddress);
  new ResizeObserver(drawChart).observe(at("chart"));
  if (!fromAddress()) {
    const front = winners("flops");
    const middle = page.rows[front[Math.floor(front.length / 2)]];
    choose("flops", middle.flops);
  }
}

begin();
