"""How the results page looks, and the one thing it does: one sound at a time.

Colours: text at least 4.5 : 1 on its ground in light and in dark.
"""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --card: #f6f6f4; --text: #1c1c1a; --soft: #5a5a55; --line: #d9d9d4;
  --supervised: #a84a00; --contrastive: #0069a3; --mark: #fff3d6; --mark-line: #b07a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161618; --card: #212124; --text: #ececea; --soft: #aeaea8; --line: #3c3c40;
    --supervised: #ff9a52; --contrastive: #62b8f2; --mark: #33290f; --mark-line: #d9a633;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--ground);
  color: var(--text); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0.5rem 0 1rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 0.75rem; padding-top: 0.75rem;
     border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; }
p, figcaption, li { max-width: 46rem; }
a { color: var(--contrastive); }
a:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--contrastive);
     outline-offset: 2px; }
nav { margin: 1.5rem 0; columns: 20rem; } nav ul { margin: 0; padding-left: 1.2rem; }
nav > ul { padding-left: 0; list-style: none; }
nav > ul > li { margin-bottom: 0.3rem; break-inside: avoid; }
.door { display: inline-block; padding: 0.6rem 1rem; border: 2px solid var(--contrastive);
     border-radius: 6px; font-weight: 600; text-decoration: none; }
.door:hover { text-decoration: underline; }
.scale { background: var(--mark); border-left: 4px solid var(--mark-line); padding: 0.6rem 0.9rem;
     max-width: 46rem; margin: 1rem 0; }
.soft { color: var(--soft); }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.7rem; text-align: right; white-space: nowrap;
     border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; }
th:first-child, td:first-child, .left { text-align: left !important; }
td.left { white-space: normal; min-width: 11rem; }
.system { white-space: normal; min-width: 13rem; max-width: 24rem; }
.claims th[scope="row"] { white-space: normal; min-width: 11rem; font-weight: 400; }
.claims td.left { min-width: 8.5rem; }
.claims summary { color: var(--soft); cursor: pointer; }
td.ours { font-weight: 600; } td.ours.none { font-weight: 400; color: var(--soft); }
td.paper { color: var(--soft); }
th.group { text-align: center; } thead tr + tr th:first-child { text-align: right !important; }
figure { margin: 1rem 0 2rem; }
figure img.drawing { width: 100%; height: auto; background: #ffffff; border-radius: 4px;
     border: 1px solid var(--line); display: block; }
.page img.drawing { max-width: 60rem; min-width: 38rem; }
.column img.drawing { max-width: 34rem; }
figcaption { margin-top: 0.6rem; }
.columns { display: grid; gap: 1rem 1.5rem;
     grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
.regime { font-weight: 600; margin: 0 0 0.5rem; } .regime .soft { font-weight: 400; }
.supervised .regime { color: var(--supervised); }
.contrastive .regime { color: var(--contrastive); }
.card { background: var(--card); border-left: 4px solid var(--line); padding: 0.75rem 0.9rem;
     margin: 0 0 1rem; }
.supervised .card { border-color: var(--supervised); }
.contrastive .card { border-color: var(--contrastive); }
.card p { margin: 0 0 0.5rem; }
.credits { font-size: 0.85rem; overflow-wrap: anywhere; }
.sounds { display: grid; gap: 0.75rem;
     grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr)); }
.sounds img { width: 100%; height: auto; display: block; background: #000004; }
.sounds audio { width: 100%; height: 36px; display: block; margin-top: 0.35rem; }
.name { font-size: 0.85rem; color: var(--soft); display: block; margin-bottom: 0.2rem; }
code { font-size: 0.9em; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 1rem; }
dd { margin: 0 0 0.6rem; color: var(--soft); }
@media (max-width: 40rem) {
  th:first-child { white-space: normal; min-width: 8rem; } th, td { padding: 0.3rem 0.45rem; }
}
@media (min-width: 60rem) {
  dl { grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr); } dd { margin-bottom: 0.3rem; }
}
"""

SCRIPT = """
document.addEventListener("play", function (event) {
  document.querySelectorAll("audio").forEach(function (other) {
    if (other !== event.target) other.pause();
  });
}, true);
"""
