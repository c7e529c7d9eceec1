// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the picture answer: zoom, search, reset, flip, tooltip, by mouse and by keyboard. Without
 * this script the picture is whole, only still. Texts from the profile reach the document through
 * textContent alone. All nodes come in preorder as (levels up, frame, value); frame 0 stands for
 * siblings that were too narrow to be written.
 */
(function () {
  "use strict";
  var NS = "http://www.w3.org/2000/svg";
  var XHTML = "http://www.w3.org/1999/xhtml";
  var KINDS = "acukijpmnqrsxyz";
  var KIND_NAMES = ["all", "program", "user code", "kernel", "inlined", "JIT-compiled code",
    "interpreted code", "marker",
    "no evident change", "up to 10 % more after", "10 to 50 % more after", "over 50 % more after",
    "up to 10 % less after", "10 to 50 % less after", "over 50 % less after"];
  var script = document.currentScript;
  var svg = (script && script.closest("svg")) || document.documentElement;
  var find = function (name) { return svg.querySelector("." + name); };
  var data = JSON.parse(find("flame-data").textContent);
  var strings = data.strings, frames = data.frames;
  var g = data.geometry;
  var n = data.nodes.length / 3;
  var parent = new Int32Array(n), end = new Int32Array(n), frame = new Int32Array(n);
  var depth = new Int32Array(n);
  var value = new Float64Array(n), start = new Float64Array(n), self = new Float64Array(n);
  var isMatch = null, query = "", zoomed = 0, focused = -1, isIcicle = g.icicle;
  var width = g.width, rows = [], mouse = { x: -1, y: -1 };

  function load() {
    var path = [], cursor = [], level = -1, i, j;
    for (i = 0; i < n; i++) {
      level = level + 1 - data.nodes[3 * i];
      for (j = path.length - 1; j >= level; j--)
        end[path[j]] = i;
      path.length = level;
      parent[i] = level ? path[level - 1] : 0;
      depth[i] = level;
      frame[i] = data.nodes[3 * i + 1];
      value[i] = self[i] = data.nodes[3 * i + 2];
      start[i] = level ? cursor[level] : 0;
      cursor[level] = start[i] + value[i];
      cursor[level + 1] = start[i];
      if (level)
        self[parent[i]] -= value[i];
      path[level] = i;
    }
    for (j = 0; j < path.length; j++)
      end[path[j]] = n;
  }

  function nameOf(i) { return strings[frames[5 * frame[i]]]; }
  function kindOf(i) { return frames[5 * frame[i] + 4]; }

  function element(name, attributes, parentElement, text) {
    var e = document.createElementNS(NS, name);
    for (var key in attributes)
      e.setAttribute(key, attributes[key]);
    if (text !== undefined)
      e.textContent = text;
    if (parentElement)
      parentElement.appendChild(e);
    return e;
  }

  function percent(part, whole) { return (whole ? 100 * part / whole : 0).toFixed(1) + "\u00a0%"; }

  function amount(x) {
    if (data.unit === "nanoseconds")
      return (x / 1e9).toFixed(x < 1e10 ? 3 : 1) + "\u00a0s";
    return String(x).replace(/\B(?=(\d{3})+$)/g, "\u202f") + "\u00a0" +
      (x === 1 ? data.unit.replace(/s$/, "") : data.unit);
  }

  /* The telling part of a name that fits into so many cells: the same rules as text-fit.c. */
  function bareName(name) {
    var out = "", level = 0, isOperator = false, i, c;
    for (i = 0; i < name.length; i++) {
      c = name[i];
      if (name.startsWith("operator", i)) isOperator = true;
      else if (c === ":") isOperator = false;
      if ((c === "(" || c === "<") && i && !isOperator) level++;
      if (!level) out += c;
      if ((c === ")" || c === ">") && level && !(c === ">" && name[i - 1] === "-")) level--;
    }
    return out.replace(/( const)? *$/, "");
  }

  function isWide(p) {
    return (p >= 0x1100 && p < 0x1160) || (p >= 0x2e80 && p < 0xd7a4) ||
      (p >= 0xf900 && p < 0xfb00) || (p >= 0xff00 && p < 0xff61) || p > 0xffff;
  }

  function cellsOf(text) {
    var cells = 0, p;
    for (var c of text) {
      p = c.codePointAt(0);
      cells += p >= 0x300 && p < 0x370 ? 0 : isWide(p) ? 2 : 1;
    }
    return cells;
  }

  function cut(text, cells) {
    var out = "", used = 0;
    for (var c of text) {
      used += cellsOf(c);
      if (used > cells - 1) break;
      out += c;
    }
    return out + "…";
  }

  function fit(name, cells) {
    var bare, at, rest;
    if (cells < 3) return "";
    if (cellsOf(name) <= cells) return name;
    bare = bareName(name);
    if (!bare) return cut(name, cells);
    if (cellsOf(bare) <= cells) return bare;
    for (at = bare.indexOf("::"); at >= 0; at = bare.indexOf("::", at + 2)) {
      rest = bare.slice(at + 2);
      if (rest.length > 1 && cellsOf(rest) + 1 <= cells) return "…" + rest;
    }
    at = bare.replace(/::$/, "").lastIndexOf("::");
    return cut(at >= 0 ? bare.slice(at + 2) : bare, cells);
  }

  function rowY(d) { return g.top + g.row * (isIcicle ? d : g.rows - 1 - d); }

  function shade(name) {
    var h = 0;
    for (var i = 0; i < name.length; i++)
      h = (h * 31 + name.charCodeAt(i)) | 0;
    return (h >>> 4) & 3;
  }

  var shades = [];
  function classOf(i) {
    var k = KINDS[kindOf(i)], f = frame[i];
    if (isMatch)
      return isMatch[f] ? "hit" : k + " dim";
    if (shades[f] === undefined)
      shades[f] = shade(nameOf(i));
    return i < zoomed && end[i] > zoomed ? k + " dim" : k + " t" + shades[f];
  }

  /* Boxes of one class are one path: tens of elements instead of tens of thousands. */
  function draw() {
    var paths = {}, names = find("names"), boxes = find("frames");
    var inner = width - 2 * g.pad, scale = value[zoomed] ? inner / value[zoomed] : 0;
    var thin = new Float64Array(g.rows).fill(-1);
    function box(i, x, w) {
      var key = classOf(i), y = rowY(depth[i]), cells, text, half;
      (rows[depth[i]] = rows[depth[i]] || []).push({ node: i, x: x, w: w });
      if (w < 0.5) {
        half = Math.floor(2 * x) / 2;
        if (half <= thin[depth[i]]) return;
        thin[depth[i]] = half;
        paths[key] = (paths[key] || "") + "M" + half + " " + y + "h.5v" + (g.row - 1) + "h-.5z";
        return;
      }
      var shown = (w > 2 ? w - 0.6 : w).toFixed(2);
      paths[key] = (paths[key] || "") + "M" + x.toFixed(2) + " " + y + "h" + shown + "v" +
        (g.row - 1) + "h-" + shown + "z";
      cells = Math.floor((w - 6) / g.cell);
      if (cells < 3) return;
      text = fit(i ? nameOf(i) : "all: " + amount(value[0]), cells);
      if (text)
        element("text", { x: (x + 3).toFixed(1), y: y + g.row - 5 }, names, text)
          .setAttribute("class", key === "hit" ? "over" : "");
    }
    rows = [];
    boxes.textContent = names.textContent = "";
    for (var a = zoomed; a; ) {
      a = parent[a];
      box(a, g.pad, inner);
    }
    for (var i = zoomed; i < end[zoomed]; ) {
      var w = i === zoomed ? inner : value[i] * scale;
      if (!frame[i] || w < 0.1) {
        i = end[i];
        continue;
      }
      box(i, g.pad + (start[i] - start[zoomed]) * scale, w);
      i++;
    }
    Object.keys(paths).forEach(function (key) {
      element("path", { "class": key, d: paths[key] }, boxes);
    });
    mark(focused);
  }

  function boxOf(i) {
    var row = i >= 0 && rows[depth[i]] || [];
    return row.find(function (b) { return b.node === i; });
  }

  function mark(i) {
    var b = boxOf(i), ring = find("ring");
    ring.style.display = b ? "" : "none";
    if (!b) return;
    ring.setAttribute("x", b.x + 0.25);
    ring.setAttribute("y", rowY(depth[i]) + 0.25);
    ring.setAttribute("width", Math.max(b.w - 1, 1));
    ring.setAttribute("height", g.row - 1.5);
  }

  function describe(i) {
    var f = 5 * frame[i], lines = [], file = strings[frames[f + 2]], line = frames[f + 3];
    var counts = amount(value[i]) + " · " + percent(value[i], value[0]) + " of all";
    if (zoomed)
      counts += " · " + percent(value[i], value[zoomed]) + " of this view";
    counts += " · self " + percent(self[i], value[0]);
    if (i)
      lines.push(KIND_NAMES[kindOf(i)] + (frames[f + 1] ? " · " + strings[frames[f + 1]] : ""));
    if (file)
      lines.push(file + (line ? ":" + line : ""));
    lines.push(counts);
    return lines;
  }

  function wrap(text, cells) {
    var out = [];
    while (text.length > cells && out.length < 5) {
      out.push(text.slice(0, cells));
      text = text.slice(cells);
    }
    out.push(text.length > cells ? text.slice(0, cells - 1) + "…" : text);
    return out;
  }

  /* The corner of the page that can be seen, in the picture's units. */
  function visible() {
    var m = svg.getScreenCTM().inverse(), p = svg.createSVGPoint(), a, b;
    p.x = p.y = 0;
    a = p.matrixTransform(m);
    p.x = window.innerWidth;
    p.y = window.innerHeight;
    b = p.matrixTransform(m);
    return { x: Math.max(a.x, 0), y: Math.max(a.y, 0), right: Math.min(b.x, width), bottom: b.y };
  }

  function showTip(i, x, y) {
    var tip = find("tip"), seen = visible(), lines = [], h = 3, w = 0;
    tip.textContent = "";
    tip.style.display = "";
    var back = element("rect", { rx: 6 }, tip);
    wrap(nameOf(i), 90).forEach(function (t) { lines.push(["name", t]); });
    describe(i).forEach(function (d) {
      wrap(d, 90).forEach(function (t) { lines.push(["more", t]); });
    });
    lines = lines.map(function (l) {
      h += 15;
      return element("text", { "class": l[0], x: 10, y: h + 1 }, tip, l[1]);
    });
    lines.forEach(function (t) { w = Math.max(w, t.getComputedTextLength()); });
    w += 20;
    h += 9;
    back.setAttribute("width", w);
    back.setAttribute("height", h);
    x = Math.max(seen.x + 4, Math.min(x + 14, seen.right - w - 4));
    y = y + 18 + h > seen.bottom ? y - h - 10 : y + 18;
    tip.setAttribute("transform", "translate(" + x.toFixed(1) + " " + Math.max(y, seen.y + 4).toFixed(1) + ")");
    say(nameOf(i) + " — " + describe(i).join(" · "));
  }

  function hideTip() {
    find("tip").style.display = "none";
    say("");
  }

  var note = find("status").textContent;
  function say(text) {
    var cells = Math.floor((width - 2 * g.pad) / 6);
    find("status").textContent = !text ? note : cellsOf(text) > cells ? cut(text, cells) : text;
  }

  function pointOf(event) {
    var p = svg.createSVGPoint();
    p.x = event.clientX;
    p.y = event.clientY;
    return p.matrixTransform(svg.getScreenCTM().inverse());
  }

  function nodeAt(p) {
    var d = Math.floor((p.y - g.top) / g.row), row, low = 0, high, middle;
    d = isIcicle ? d : g.rows - 1 - d;
    row = rows[d] || [];
    high = row.length;
    while (low < high) {
      middle = (low + high) >> 1;
      if (row[middle].x + row[middle].w < p.x) low = middle + 1;
      else high = middle;
    }
    return row[low] && row[low].x <= p.x ? row[low].node : -1;
  }

  function zoom(i) {
    zoomed = i;
    hideTip();
    draw();
    svg.setAttribute("data-zoom", nameOf(i));
    countMatches();
  }

  function search(text) {
    var input = find("search"), expression = null;
    query = text;
    input.classList.remove("bad");
    if (text) {
      try {
        expression = new RegExp(text, /[A-Z]/.test(text) ? "u" : "iu");
      } catch (error) {
        input.classList.add("bad");
      }
    }
    isMatch = null;
    if (expression) {
      isMatch = new Uint8Array(frames.length / 5);
      for (var f = 1; f < isMatch.length; f++)
        isMatch[f] = expression.test(strings[frames[5 * f]]) ? 1 : 0;
      isMatch[frame[0]] = 0;
    }
    draw();
    countMatches();
  }

  /* Each sample once: below a match nothing is added. */
  function countMatches() {
    var sum = 0, found = find("found");
    for (var i = zoomed; isMatch && i < end[zoomed]; ) {
      if (isMatch[frame[i]]) {
        sum += value[i];
        i = end[i];
      } else {
        i++;
      }
    }
    found.textContent = isMatch ? percent(sum, value[zoomed]) + (zoomed ? " of this view" : "") +
      " matched" : "";
  }

  function reset() {
    find("search").value = "";
    query = "";
    isMatch = null;
    focused = -1;
    zoom(0);
  }

  function flip() {
    isIcicle = !isIcicle;
    hideTip();
    draw();
  }

  function focusOn(i) {
    var b;
    var active = document.activeElement;
    if (i < 0) return;
    /* So that Enter is for the box, no more for a button. */
    if (active && active.localName === "button")
      active.blur();
    focused = i;
    mark(i);
    b = boxOf(i);
    if (!b) return;
    find("ring").scrollIntoView({ block: "nearest" });
    showTip(i, b.x, rowY(depth[i]));
  }

  /* One row towards the callees (1) or the callers (-1), or along the row. */
  function walk(rowStep, columnStep) {
    var row, at, i;
    if (focused < 0 || !boxOf(focused))
      return focusOn(zoomed);
    if (rowStep < 0)
      return focusOn(parent[focused]);
    if (rowStep > 0) {
      row = rows[depth[focused] + 1] || [];
      row = row.filter(function (b) { return parent[b.node] === focused; });
      row.sort(function (a, b) { return b.w - a.w; });
      return focusOn(row.length ? row[0].node : focused);
    }
    row = rows[depth[focused]];
    at = row.findIndex(function (b) { return b.node === focused; }) + columnStep;
    i = row[Math.max(0, Math.min(at, row.length - 1))].node;
    return focusOn(i);
  }

  function onKey(event) {
    var key = event.key, isTyping = event.target === find("search"), outward = isIcicle ? 1 : -1;
    if (key === "f" && (event.ctrlKey || event.metaKey) || key === "/" && !isTyping) {
      event.preventDefault();
      find("search").focus();
      find("search").select();
      return;
    }
    if (key === "Escape") {
      find("search").blur();
      reset();
      return;
    }
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey)
      return;
    if (key === "Enter" && event.target.localName === "button")
      return;
    switch (key) {
    case "ArrowUp": walk(-outward, 0); break;
    case "ArrowDown": walk(outward, 0); break;
    case "ArrowLeft": walk(0, -1); break;
    case "ArrowRight": walk(0, 1); break;
    case "Home": focusOn(0); break;
    case "Enter": if (focused >= 0) { zoom(focused); focusOn(focused); } break;
    case "i": flip(); break;
    default: return;
    }
    event.preventDefault();
  }

  function button(bar, label, hint, action) {
    var b = document.createElementNS(XHTML, "button");
    b.textContent = label;
    b.title = hint;
    b.addEventListener("click", action);
    bar.appendChild(b);
  }

  function makeBar() {
    var room = element("foreignObject", { "class": "tools", y: g.top - 31, width: 520, height: 28 }, svg);
    var bar = document.createElementNS(XHTML, "div");
    var found = document.createElementNS(XHTML, "span");
    var input = document.createElementNS(XHTML, "input");
    bar.className = "bar";
    found.className = "found";
    found.setAttribute("role", "status");
    input.className = "search";
    input.type = "search";
    input.placeholder = "Search: / or Ctrl-F";
    input.setAttribute("aria-label", "Search functions by regular expression");
    input.addEventListener("input", function () { search(input.value); });
    bar.appendChild(found);
    bar.appendChild(input);
    button(bar, "Reset", "Whole picture, no search (Escape)", reset);
    button(bar, "Flip", "Root on top or at the bottom (i)", flip);
    room.appendChild(bar);
  }

  /* The search stays in sight while a tall picture is scrolled. */
  function follow() {
    find("tools").setAttribute("y", Math.max(g.top - 31, visible().y + 4));
  }

  /* A wider window is used; a narrower one shows the picture as it is, smaller. */
  function resize() {
    var isAlone = svg === document.documentElement;
    var room = svg.clientWidth || window.innerWidth;
    width = isAlone ? Math.max(room, g.width) : g.width;
    svg.setAttribute("viewBox", "0 0 " + width + " " + g.height);
    find("page").setAttribute("width", width);
    find("tools").setAttribute("x", width - g.pad - 520);
    if (isAlone) {
      svg.setAttribute("width", "100%");
      svg.setAttribute("height", Math.round(g.height * room / width));
    }
    draw();
  }

  function startUp() {
    load();
    element("rect", { "class": "ring" }, svg);
    element("g", { "class": "tip" }, svg);
    makeBar();
    hideTip();
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    resize();
    window.addEventListener("resize", resize);
    window.addEventListener("scroll", follow);
    document.addEventListener("keydown", onKey);
    svg.addEventListener("mousemove", function (event) {
      /* Browsers send one where the picture moved under a mouse at rest: keys rule then. */
      if (event.clientX === mouse.x && event.clientY === mouse.y)
        return;
      mouse = { x: event.clientX, y: event.clientY };
      var p = pointOf(event), i = nodeAt(p);
      if (i < 0 || event.target.closest && event.target.closest(".tools"))
        return hideTip();
      focused = i;
      mark(i);
      showTip(i, p.x, p.y);
    });
    svg.addEventListener("mouseleave", hideTip);
    svg.addEventListener("click", function (event) {
      var i = nodeAt(pointOf(event));
      if (i >= 0 && !(event.target.closest && event.target.closest(".tools")))
        zoom(i);
    });
    svg.setAttribute("data-ready", "yes");
  }
  startUp();
})();
