/*
 * page_filter - the page's own script: shows the endpoints that a reader looks for
 *
 * It makes its form itself, so that a page without script has nothing that does not work. It reads
 * find=, verdict= and vantage= behind the page's "#", so that a search can be bookmarked. The
 * page's policy lets this script run by its hash and no other, so it must not be changed without
 * that: a test looks at the page in a browser.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_FILTER_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_FILTER_H

#define PAGE_FILTER_LEAST 20 /* endpoints; fewer are found by looking */

static const char page_filter[] =
    "(function () {\n"
    "\"use strict\";\n"
    "var now = document.getElementById(\"now\"), body = now && now.querySelector(\"tbody\");\n"
    "if (!body) { return; }\n"
    "var rows = Array.from(body.rows), form = document.createElement(\"form\");\n"
    "var text = document.createElement(\"input\"), verdict = document.createElement(\"select\");\n"
    "var vantage = document.createElement(\"select\");\n"
    "var said = document.createElement(\"output\");\n"
    "function label(words, control) {\n"
    "var one = document.createElement(\"label\");\n"
    "one.append(words + \" \", control);\n"
    "form.append(one, \" \");\n"
    "}\n"
    "function verdictOf(row) { var v = row.querySelector(\".v\"); return v ? v.className.slice(2) "
    ": \"\"; }\n"
    "function has(row, v, from) { return Array.from(row.querySelectorAll(\"[data-v]\"))"
    ".some(function (one) { return (!v || one.dataset.v === v) && "
    "Array.from(one.querySelectorAll(\"b\")).some(function (b) { return b.textContent === from; "
    "}); "
    "}); }\n"
    "function show() {\n"
    "var wanted = text.value.trim().toLowerCase(), shown = 0;\n"
    "rows.forEach(function (row) {\n"
    "var v = verdict.value, fits = (vantage.value ? has(row, v, vantage.value) : "
    "!v || verdictOf(row) === v) && row.textContent.toLowerCase().includes(wanted);\n"
    "var link = row.querySelector(\"a[href^='#']\"), article = link && "
    "document.getElementById(link.hash.slice(1));\n"
    "row.hidden = !fits;\n"
    "if (article) { article.hidden = !fits; }\n"
    "shown += fits;\n"
    "});\n"
    "said.textContent = shown + \" of \" + rows.length + \" shown\";\n"
    "}\n"
    "text.type = \"search\";\n"
    "verdict.add(new Option(\"any\", \"\"));\n"
    "new Set(rows.flatMap(function (row) { return [verdictOf(row)].concat("
    "Array.from(row.querySelectorAll(\"[data-v]\")).map(function (one) { return one.dataset.v; "
    "})); }"
    ")).forEach(function (v) { verdict.add(new Option(v, v)); });\n"
    "form.setAttribute(\"role\", \"search\");\n"
    "label(\"Host, address or target\", text);\n"
    "label(\"Verdict\", verdict);\n"
    "var places = Array.from(document.querySelectorAll(\"#vantages tbody th\"));\n"
    "vantage.add(new Option(\"any\", \"\"));\n"
    "places.forEach(function (one) { vantage.add(new Option(one.textContent, one.textContent)); "
    "});\n"
    "if (places.length) { label(\"Vantage\", vantage); }\n"
    "form.append(said);\n"
    "form.addEventListener(\"submit\", function (event) { event.preventDefault(); });\n"
    "form.addEventListener(\"input\", show);\n"
    "var asked = new URLSearchParams(location.hash.slice(1));\n"
    "text.value = asked.get(\"find\") || \"\";\n"
    "verdict.value = asked.get(\"verdict\") || \"\";\n"
    "vantage.value = asked.get(\"vantage\") || \"\";\n"
    "now.insertBefore(form, now.querySelector(\".scroll\"));\n"
    "show();\n"
    "}());\n";

#endif
