// The chart block: pie, bar, line and area.

import { h, svg } from "./dom.js";
import { compactNumber, number } from "./formats.js";
import { unsupported } from "./media.js";

// Okabe and Ito's palette: six hues that stay apart for every common kind of colour blindness.
const SERIES_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const colour = (index) => SERIES_COLOURS[index % SERIES_COLOURS.length];

export function chartBlock(block) {
  const { chart = {} } = block;
  const canvas = h("div.chart-canvas");
  const draw = { pie: drawPie, bar: drawAxes, line: drawAxes, area: drawAxes }[chart.type];
  if (!draw) return unsupported(`chart: ${chart.type}`);
  // Drawn for the width at hand, so that labels keep their size in a thread and on a phone.
  let drawnFor = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.max(240, Math.round(entry.contentRect.width));
    if (width === drawnFor) return;
    drawnFor = width;
    canvas.replaceChildren(draw(chart, width, chartDescription(block)));
  }).observe(canvas);
  const entries =
    chart.type === "pie"
      ? pieShares(chart).map(({ label, share }) => `${label} · ${percent(share)}`)
      : (chart.series ?? []).map((series) => series.name);
  const legend = h(
    "ul.legend",
    entries.map((label, index) => h("li", swatch(index), label)),
  );
  return h("figure.block-chart", h("figcaption", block.title ?? ""), canvas, legend);
}

const swatch = (index) =>
  svg(
    "svg",
    { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
    svg("rect", { width: 10, height: 10, rx: 3, fill: colour(index) }),
  );

const percent = (share) => `${number.format(Math.round(share * 1000) / 10)} %`;

function chartDescription({ title, chart }) {
  const points = (data) => data.map((point) => `${point.label} ${number.format(point.value)}`).join(", ");
  const parts =
    chart.type === "pie"
      ? [points(chart.segments ?? [])]
      : (chart.series ?? []).map((series) => `${series.name}: ${points(series.data ?? [])}`);
  return `${title ?? ""}, ${chart.type} chart. ${parts.join("; ")}`;
}

function pieShares(chart) {
  const segments = (chart.segments ?? []).filter((segment) => segment.value > 0);
  const total = segments.reduce((sum, segment) => sum + segment.value, 0);
  return segments.map((segment) => ({ ...segment, share: segment.value / total }));
}

function drawPie(chart, width, label) {
  const radius = 92;
  const viewBox = `${-width / 2} -100 ${width} 200`;
  const root = svg("svg", { viewBox, width, height: 200, role: "img", "aria-label": label });
  let turn = -0.25;
  pieShares(chart).forEach((segment, index) => {
    const value = `${number.format(segment.value)} (${percent(segment.share)})`;
    const title = svg("title", {}, `${segment.label}: ${value}`);
    const [x1, y1, x2, y2] = [turn, turn + segment.share].flatMap((at) => [
      radius * Math.cos(2 * Math.PI * at),
      radius * Math.sin(2 * Math.PI * at),
    ]);
    const whole = segment.share > 0.9999;
    root.append(
      whole
        ? svg("circle", { r: radius, fill: colour(index) }, title)
        : svg(
            "path",
            {
              class: "slice",
              fill: colour(index),
              d: `M0 0L${x1} ${y1}A${radius} ${radius} 0 ${segment.share > 0.5 ? 1 : 0} 1 ${x2} ${y2}Z`,
            },
            title,
          ),
    );
    turn += segment.share;
  });
  root.append(svg("circle", { r: radius * 0.56, class: "pie-hole" }));
  return root;
}

/** Round axis steps (1, 2, 2.5 or 5 times a power of ten) that cover low…high. */
function niceTicks(low, high, wanted = 5) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const ticks = [];
  for (let tick = Math.floor(low / step) * step; tick < high + step * 0.999; tick += step)
    ticks.push(Math.round(tick / step) * step);
  return ticks;
}

function drawAxes(chart, width, label) {
  const { categories = [], x_label: xLabel, y_label: yLabel } = chart.axis_config ?? {};
  const names = categories.length ? categories : (chart.series?.[0]?.data ?? []).map((point) => point.label);
  const series = (chart.series ?? []).map((line) => ({
    name: line.name,
    values: names.map((name) => line.data?.find((point) => point.label === name)?.value ?? null),
  }));
  const all = series.flatMap((line) => line.values).filter((value) => value != null);
  const fromZero = chart.type === "line" ? [] : [0];
  const ticks = niceTicks(Math.min(...all, ...fromZero), Math.max(...all, ...fromZero));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const tickText = (tick) => (Math.abs(tick) >= 10000 ? compactNumber : number).format(tick);

  const margin = {
    top: 10,
    right: 14,
    bottom: xLabel ? 46 : 28,
    left: 16 + 7 * Math.max(...ticks.map((tick) => tickText(tick).length)) + (yLabel ? 18 : 0),
  };
  const height = 240;
  const [plotWidth, bottom] = [width - margin.left - margin.right, height - margin.bottom];
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - margin.top);
  const band = plotWidth / Math.max(1, names.length);
  const centre = (index) => margin.left + band * (index + 0.5);
  const viewBox = `0 0 ${width} ${height}`;
  const root = svg("svg", { viewBox, width, height, role: "img", "aria-label": label });

  for (const tick of ticks) {
    const line = { x1: margin.left, x2: width - margin.right, y1: y(tick), y2: y(tick) };
    root.append(svg("line", { class: tick === 0 ? "axis" : "grid", ...line }));
    root.append(svg("text", { x: margin.left - 8, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick)));
  }
  // Labels that would run into each other are thinned out; every point keeps its name in its tooltip.
  const longest = Math.max(...names.map((name) => name.length), 1);
  const labelStep = Math.max(1, Math.ceil((longest * 6.6 + 8) / band));
  names.forEach((name, index) => {
    if (index % labelStep !== 0) return;
    root.append(svg("text", { x: centre(index), y: bottom + 18, "text-anchor": "middle" }, name));
  });
  if (xLabel) {
    const position = { x: margin.left + plotWidth / 2, y: height - 6, "text-anchor": "middle" };
    root.append(svg("text", { class: "axis-label", ...position }, xLabel));
  }
  if (yLabel) {
    const transform = `translate(12 ${(margin.top + bottom) / 2}) rotate(-90)`;
    root.append(svg("text", { class: "axis-label", transform, "text-anchor": "middle" }, yLabel));
  }

  const base = y(Math.min(Math.max(0, low), high));
  const plot = { root, names, y, centre, band, base, count: series.length };
  const drawSeries = chart.type === "bar" ? drawBars : drawLine;
  series.forEach((line, index) => drawSeries(plot, line, index, chart.type));
  return root;
}

const pointTitle = (plot, line, index) =>
  svg("title", {}, `${line.name}, ${plot.names[index]}: ${number.format(line.values[index])}`);

function drawBars(plot, line, seriesIndex) {
  const width = Math.min(46, (plot.band * 0.76) / plot.count);
  line.values.forEach((value, index) => {
    if (value == null) return;
    const x = plot.centre(index) + (seriesIndex - plot.count / 2) * width;
    const [top, bottom] = [Math.min(plot.y(value), plot.base), Math.max(plot.y(value), plot.base)];
    plot.root.append(
      svg(
        "rect",
        {
          x: x + 1,
          y: top,
          width: Math.max(1, width - 2),
          height: Math.max(1, bottom - top),
          rx: 2,
          fill: colour(seriesIndex),
        },
        pointTitle(plot, line, index),
      ),
    );
  });
}

function drawLine(plot, line, seriesIndex, type) {
  const points = line.values
    .map((value, index) => (value == null ? null : [plot.centre(index), plot.y(value)]))
    .filter(Boolean);
  const path = points.map(([x, y]) => `${x} ${y}`).join("L");
  if (type === "area" && points.length)
    plot.root.append(
      svg("path", {
        d: `M${points[0][0]} ${plot.base}L${path}L${points.at(-1)[0]} ${plot.base}Z`,
        fill: colour(seriesIndex),
        "fill-opacity": 0.25,
      }),
    );
  plot.root.append(
    svg("path", {
      d: `M${path}`,
      fill: "none",
      stroke: colour(seriesIndex),
      "stroke-width": 2.5,
      "stroke-linejoin": "round",
    }),
  );
  line.values.forEach(
    (value, index) =>
      value != null &&
      plot.root.append(
        svg(
          "circle",
          { cx: plot.centre(index), cy: plot.y(value), r: 4, fill: colour(seriesIndex) },
          pointTitle(plot, line, index),
        ),
      ),
  );
}
