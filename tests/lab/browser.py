"""A page as headless Chromium lays it out. It has no network: a page that wants one is noticed."""

import html
import json
import os
import re
import shutil

from .process import LabError, run

FRAME = """<!DOCTYPE html><body style="margin:0"><iframe style="border:0;width:{width}px;height:800px">
</iframe><pre></pre><script>
const frame = document.querySelector("iframe"), begun = performance.now();
const bright = (c) => {{ const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }};
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
frame.onload = () => {{
    const page = frame.contentDocument, style = (e) => frame.contentWindow.getComputedStyle(e);
    const height = page.documentElement.scrollHeight, ms = performance.now() - begun;
    const behind = (e) => {{ for (; e; e = e.parentElement) {{ const c = parse(style(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c.slice(0, 3); }} return [255, 255, 255]; }};
    let contrast = 21;
    for (const e of [...page.body.querySelectorAll("*:not(svg *)")].slice(0, {looked_at})) {{
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
        const [a, b] = [bright(parse(style(e).color)), bright(behind(e))];
        contrast = Math.min(contrast, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }}
    const names = [...page.querySelectorAll(".scroll")].map((e) => e.scrollWidth > e.clientWidth);
    document.querySelector("pre").textContent = JSON.stringify({{ms, height, contrast,
        width: page.documentElement.scrollWidth, room: page.documentElement.clientWidth,
        scrolling: names.filter(Boolean).length, background: style(page.body).backgroundColor,
        resources: frame.contentWindow.performance.getEntriesByType("resource").length}});
}};
frame.src = {page};
</script>"""


def possible():
    """None, or why there is no browser."""
    return None if shutil.which("chromium") else "chromium is not installed"


def look(page, folder, width=1280, dark=False, looked_at=3000):
    """What Chromium makes of the file `page`: the milliseconds until it is laid out ("ms"), its
    "width" against the "room" that there is, the least "contrast" of its first texts, and more."""
    frame = os.path.join(folder, "frame.html")
    with open(frame, "w", encoding="utf-8") as file:
        file.write(FRAME.format(width=width, looked_at=looked_at,
                                page=json.dumps("file://" + os.path.abspath(page))))
    done = run(["unshare", "--net", "--", "chromium", "--headless=new", "--no-sandbox",
                "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                "--allow-file-access-from-files", f"--user-data-dir={folder}/chromium",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                "--dump-dom",
                "file://" + frame], check=False, timeout=90)
    found = re.search(r"<pre>(\{.*?\})</pre>", done.stdout, re.DOTALL)
    if not found:
        raise LabError(f"chromium: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return json.loads(html.unescape(found.group(1)))
