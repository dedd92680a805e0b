/*
 * page_style - the page's style sheet
 *
 * Colours are variables, so that dark is another set of them. Each pair of text and background has
 * a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_STYLE_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_STYLE_H

static const char page_style[] =
    ":root{color-scheme:light dark;--back:#fff;--soft:#f3f4f6;--line:#c9cdd3;--text:#1b1d21;"
    "--dim:#565c66;--link:#0b57a4;--closed:#1a7037;--open:#b3261e;--suspected:#8a5300;"
    "--unknown:#5b4a8a}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#14171b;--soft:#1f242a;--line:#434a54;"
    "--text:#e8eaed;--dim:#aab1bb;--link:#8ab8f5;--closed:#5fcf85;--open:#ff8d83;"
    "--suspected:#f2b755;--unknown:#b9a6f2}}\n"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--back);color:var(--text);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}h2{margin:2.5rem 0 .75rem;"
    "border-bottom:1px solid var(--line)}h3{margin:0 0 .5rem;font-size:1.1rem}"
    "h4{margin:0 0 .5rem}section>h3{margin-top:1.5rem}\n"
    "a{color:var(--link)}nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.75rem 0;"
    "padding:0;list-style:none}nav a{display:inline-block;padding:.25rem 0}\n"
    ".skip{position:absolute;left:-99rem}.skip:focus{position:static}"
    ":focus-visible{outline:3px solid var(--link);outline-offset:2px}\n"
    ".sum{font-size:1.15rem;font-weight:600}.dim,footer{color:var(--dim)}\n"
    ".scroll{overflow-x:auto;margin:.5rem 0}table{border-collapse:collapse;width:100%;"
    "font-size:.925rem}caption{text-align:left;color:var(--dim);padding:.25rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;"
    "border-bottom:1px solid var(--line);min-width:5rem}thead th{color:var(--dim);font-weight:600}"
    "th,td{overflow-wrap:break-word}time{white-space:nowrap}tbody th{font-weight:600}td "
    "ul{margin:0;padding-left:1.1rem}\n"
    "article{margin:1rem 0;padding:1rem;background:var(--soft);border-left:.35rem solid "
    "var(--line);border-radius:.25rem;content-visibility:auto;contain-intrinsic-size:auto 12rem}\n"
    "article.open{border-color:var(--open)}article.suspected{border-color:var(--suspected)}"
    "article.closed{border-color:var(--closed)}article.unreachable,article.inconclusive{"
    "border-color:var(--unknown)}article p,article ul{margin:.35rem 0;max-width:60rem}"
    "article ul{padding-left:1.25rem}article td{min-width:7rem}article td code{"
    "overflow-wrap:anywhere}\n"
    "summary{cursor:pointer;padding:.35rem 0;color:var(--link)}"
    "code{font:.9em ui-monospace,monospace}\n"
    ".v{font-weight:700;white-space:nowrap}.v.closed{color:var(--closed)}.v.open{color:var(--open)}"
    ".v.suspected{color:var(--suspected)}.v.unreachable,.v.inconclusive{color:var(--unknown)}\n"
    "svg{display:block;min-width:44rem;width:100%;height:auto;font:12px system-ui,sans-serif}"
    "svg text{fill:var(--text)}svg .axis{fill:var(--dim)}svg line{stroke:var(--line)}"
    "rect.closed{fill:var(--closed)}rect.open{fill:var(--open)}rect.suspected{"
    "fill:var(--suspected)}rect.unreachable,rect.inconclusive{fill:var(--unknown)}"
    "rect.incident{fill:var(--text)}\n"
    "@page{margin:15mm}@media print{:root{color-scheme:light;--back:#fff;--soft:#fff;--line:#999;"
    "--text:#000;--dim:#333;--link:#000;--closed:#1a7037;--open:#b3261e;--suspected:#8a5300;"
    "--unknown:#5b4a8a}body{max-width:none;padding:0;font-size:10pt}nav,.skip{display:none}"
    ".scroll{overflow:visible}svg{min-width:0}rect{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}article{border:1px solid #999;content-visibility:visible}"
    "article p,article ul{max-width:none}summary{list-style:none;font-weight:600}"
    "details::details-content{content-visibility:visible}table{font-size:8pt}"
    "th,article td,td{min-width:0;padding:.2rem .5rem .2rem 0}td,th a{overflow-wrap:anywhere}"
    "article td code{word-break:break-all}article p:has(+ul){break-after:avoid}"
    "thead th{overflow-wrap:normal}article td:nth-child(2){overflow-wrap:break-word}"
    "tr{break-inside:avoid}tbody "
    "tr:first-child{break-before:avoid}h1,h2,h3,summary,caption{break-after:avoid}}\n";

#endif
