"use strict";
// The legend hides and shows a series everywhere; a pointer over a plot is told the values of what is shown.

const away = new Set();

for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const { series } = button.dataset;
    const hide = !away.has(series);
    if (hide) away.add(series);
    else away.delete(series);
    button.setAttribute("aria-pressed", String(!hide));
    for (const part of document.querySelectorAll(`[data-series="${series}"]:not(button)`)) {
      part.classList.toggle("away", hide);
    }
  });
}

const SAID_MAX = 14;
const SVG = document.querySelector("svg")?.namespaceURI;

for (const figure of document.querySelectorAll("figure")) {
  const svg = figure.querySelector("svg");
  const lines = JSON.parse(figure.querySelector("script").textContent);
  const marks = svg.appendChild(document.createElementNS(SVG, "g"));
  const said = figure.appendChild(document.createElement("div"));
  said.className = "said away";

  const hush = () => {
    marks.replaceChildren();
    said.classList.add("away");
  };

  svg.addEventListener("pointerleave", hush);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const shown = lines.filter((line) => !away.has(String(line.series)));
    if (shown.length === 0) return hush();
    // Of every line the point nearest in x; the lines nearest to the pointer are told, the uppermost first.
    const near = shown.map((line) => ({ line, point: nearest(line.points, x) }));
    near.sort((a, b) => Math.abs(a.point[1] - y) - Math.abs(b.point[1] - y));
    const told = near.slice(0, SAID_MAX).sort((a, b) => a.point[1] - b.point[1]);
    marks.replaceChildren(cursor(near[0].point[0], svg.viewBox.baseVal.height), ...told.map(dot));
    said.replaceChildren(row(near[0].point[2], ""), ...told.map(({ line, point }) => row(line.name, point[3], line.colour)));
    said.classList.remove("away");
    const left = event.clientX - box.left;
    said.style.left = left > box.width / 2 ? `${left - said.offsetWidth - 16}px` : `${left + 16}px`;
    said.style.top = `${Math.max(0, event.clientY - box.top - said.offsetHeight / 2)}px`;
  });
}

function nearest(points, x) {
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
}

function cursor(x, height) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", `M${x} 14V${height - 44}`);
  path.setAttribute("class", "cursor");
  return path;
}

function dot({ line, point }) {
  const circle = document.createElementNS(SVG, "circle");
  circle.setAttribute("cx", point[0]);
  circle.setAttribute("cy", point[1]);
  circle.setAttribute("r", 3.5);
  circle.setAttribute("class", `dot ${line.colour}`);
  return circle;
}

function row(name, value, colour) {
  const div = document.createElement("div");
  const label = div.appendChild(document.createElement("span"));
  if (colour) label.appendChild(document.createElement("i")).className = colour;
  // The names are escaped for HTML, as they stand in the page.
  label.insertAdjacentHTML("beforeend", name);
  div.appendChild(document.createElement("b")).textContent = value;
  return div;
}
