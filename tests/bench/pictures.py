# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""The results as a picture: for each row a bar with rsp's ratio to the better peer, the line of equality, and what is asked."""

from xml.sax.saxutils import escape

LEFT, WIDTH, ROW, TOP = 440, 300, 26, 40


def bars(results):
    """SVG text. A ratio of 1 is in the middle; beyond 2 a bar is cut."""
    rows = [r for r in results if r.get("ratio") is not None]
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 90}" height="{TOP + ROW * len(rows) + 10}" '
             'font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT + WIDTH / 2}" y="20" text-anchor="middle">the best of the others = 1 (shorter is better)</text>']
    for i, r in enumerate(rows):
        lines += bar(r, TOP + i * ROW)
    middle = LEFT + WIDTH / 2
    lines.append(f'<line x1="{middle}" y1="{TOP - 8}" x2="{middle}" y2="{TOP + ROW * len(rows)}" stroke="black"/>')
    return "\n".join(lines + ["</svg>"]) + "\n"


def bar(r, y):
    ratio = r["ratio"]
    colour = {True: "#2a7f3f", False: "#b5542a", None: "#777"}[r.get("reached")]
    yield f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(r["text"] + ", " + r["unit"])}</text>'
    yield f'<rect x="{LEFT}" y="{y + 3}" width="{min(ratio, 2.0) * WIDTH / 2:.1f}" height="{ROW - 8}" fill="{colour}"/>'
    yield f'<text x="{LEFT + min(ratio, 2.0) * WIDTH / 2 + 6:.1f}" y="{y + 16}">{ratio:.2f}</text>'
    if r["asked"] and not r["asked"].startswith("="):
        at = LEFT + float(r["asked"]) * WIDTH / 2
        yield f'<line x1="{at:.1f}" y1="{y}" x2="{at:.1f}" y2="{y + ROW - 2}" stroke="#333" stroke-dasharray="3,2"/>'
