"""The results page as a Jinja2 template: a string in the code, so that its edits are seen as such.

No addresses of other hosts. Colours: text at least 4.5 : 1 on its ground in light and in dark.
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
nav { margin: 1rem 0; } nav a { margin-right: 1rem; white-space: nowrap; }
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
td.ours { font-weight: 600; } td.ours.none { font-weight: 400; color: var(--soft); }
td.paper { color: var(--soft); }
th.group { text-align: center; } thead tr + tr th:first-child { text-align: right !important; }
figure { margin: 1rem 0 2rem; }
figure img.drawing { width: 100%; height: auto; background: #ffffff; border-radius: 4px;
     border: 1px solid var(--line); display: block; }
.figure_6 img.drawing { max-width: 56rem; min-width: 38rem; }
.figure_7 img.drawing { max-width: 34rem; }
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
  th:first-child { white-space: normal; min-width: 6.5rem; } th, td { padding: 0.3rem 0.45rem; }
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

INTRODUCTION = """
<h1>Sonify: hearing what a raw-waveform network hears</h1>
<p>A convolutional network that recognises sounds from raw waveforms turns each clip into hundreds
of feature maps. A <em>sonification</em> takes one of these maps back through the network
(unpooling, rectification, transposed convolution with the network’s own weights) until it is a
sound again: the part of the input that excites that map. This page shows how well our networks
recognise sounds, what happens when sonifications are taken out of the input, how much they
resemble it, and lets you listen, for networks first trained with labels
(<strong>supervised</strong>) and without (<strong>contrastive</strong>).</p>
{% if scale == "mini" %}
<p class="scale" role="note"><strong>Miniature:</strong> {{ setting }}.
It shows the whole experiment at work. Its
levels can’t be compared with the paper’s, and it neither confirms nor refutes what the paper
found.</p>
{% else %}
<p class="scale" role="note"><strong>Paper scale:</strong> {{ setting }}.</p>
{% endif %}
<nav aria-label="On this page"><a href="#performance">Performance</a> <a href="#figures">Figures</a>
<a href="#listen">Listen</a> <a href="#data">Data</a> <a href="#time">Time</a>
<a href="#files">Files</a></nav>
"""

PERFORMANCE = """
<h2 id="performance">Performance on FSD50K: Table A.4</h2>
<p>{{ conditions }} Mean ± half-width of the 95% t-interval over runs; one run has no interval.
Each model was pretrained on AudioSet as it says; <em>fc-only</em> trains the classifier alone,
<em>full</em> the whole network.</p>
<div class="wide" tabindex="0" role="region" aria-label="Table A.4, ours beside the paper’s">
<table>
<thead>
<tr><th rowspan="2" scope="col">Model</th>
{% for words in metrics.values() %}
<th class="group" colspan="2" scope="colgroup">{{ words }}</th>
{% endfor %}
<th rowspan="2" scope="col">Runs</th></tr>
<tr>
{% for words in metrics.values() %}
<th scope="col">ours</th><th scope="col">paper</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for model in models %}
<tr><th scope="row">{{ model.architecture }} {{ model.model }}</th>
{% for metric in metrics %}
<td class="ours{{ '' if model.n_runs else ' none' }}">{{ model.ours[metric] }}</td>
<td class="paper">{{ model.paper[metric] }}</td>
{% endfor %}
<td>{{ model.n_runs }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<p>Also as <a href="tables/table_A4.csv">CSV</a> and <a href="tables/table_A4.md">Markdown</a>.</p>
"""

DRAWINGS = """
<h2 id="figures">Figures</h2>
{% for figure in figures %}
<figure class="{{ figure.name }}">
<h3>{{ figure.title }}</h3>
<div class="wide" tabindex="0" role="region" aria-label="{{ figure.title }}">
<img class="drawing" src="{{ figure.image }}" alt="{{ figure.alt }}">
</div>
<figcaption>{{ figure.read }} <strong>The paper saw:</strong> {{ figure.paper }}
<span class="soft">Dots are runs, bands 95% t-intervals over them, very wide for two.
<a href="figures/{{ figure.name }}.png">PNG</a>,
<a href="figures/{{ figure.name }}.svg">SVG</a>.</span></figcaption>
</figure>
{% else %}
<p>No figure has been drawn yet.</p>
{% endfor %}
"""

LISTEN = """
<h2 id="listen">Listen</h2>
<p>{{ rule }} Each sonification is as loud as its input at the peak. The pictures are spectrograms,
0 to 4 kHz upwards, with one scale of {{ range_db }} dB for each pair; bright is loud. <strong>The
paper heard</strong> similar band-selective filters at layer 1 in both regimes, and in layers 8 to
11 mostly high-frequency noise in the supervised one against recognisable sounds in the
contrastive one (section 3.3).</p>
{% for layer in layers %}
<section aria-label="Layer {{ layer.layer }}">
<h3>Layer {{ layer.layer }}</h3>
<div class="columns">
{% for column in layer.columns %}
<div class="{{ column.regime }}">
<p class="regime">{{ column.regime }} <span class="soft">{{ column.model }}
{%- if column.counts %}, {{ column.counts.dead }} of {{ column.counts.filters }} filters dead
{%- endif %}</span></p>
{% for card in column.cards %}
<article class="card">
<p><strong>Filter {{ card.filter }}</strong>, activation {{ card.activation }}<br>
clip <code>{{ card.clip_id }}</code>, {{ card.seconds }} s:
{{ card.labels | join(", ") if card.labels else "no labels" }}</p>
{% if card.credits %}
<p class="soft credits">{% for credit in card.credits %}{{ credit.name }}{{ " " }}
{%- if credit.link %}<a href="{{ credit.text }}" rel="noreferrer">{{ credit.text }}</a>
{%- else %}{{ credit.text }}{% endif %}{{ "" if loop.last else "; " }}{% endfor %}</p>
{% endif %}
<div class="sounds">
{% for sound in card.sounds %}
<div><span class="name">{{ sound.name }}</span>
<img src="{{ sound.png }}" width="320" height="128" loading="lazy"
 alt="Spectrogram of the {{ sound.name }}, filter {{ card.filter }}, clip {{ card.clip_id }}">
<audio controls preload="none" src="{{ sound.wav }}"
 aria-label="{{ sound.name }}, {{ column.model }}, layer {{ layer.layer }}, filter {{
 card.filter }}">
</audio></div>
{% endfor %}
</div>
</article>
{% else %}
<p class="soft">No live filter to show at this layer.</p>
{% endfor %}
</div>
{% endfor %}
</div>
</section>
{% endfor %}
"""

ACCOUNTS = """
<h2 id="data">Data: every listed clip accounted for</h2>
<div class="wide" tabindex="0" role="region" aria-label="Clips by dataset and split">
<table>
<thead><tr><th scope="col">Dataset</th><th class="left" scope="col">Split</th>
<th scope="col">Listed</th><th scope="col">Obtained</th><th scope="col">Used</th>
<th scope="col">Minutes</th><th scope="col">Rejected</th><th class="left" scope="col">Why</th>
<th scope="col">Classes left without a clip</th></tr></thead>
<tbody>
{% for row in clips %}
<tr><td>{{ datasets.get(row.dataset, row.dataset) }}</td><td class="left">{{ row.split }}</td>
<td>{{ "{:,}".format(row.listed) }}</td><td>{{ "{:,}".format(row.obtained) }}</td>
<td>{{ "{:,}".format(row.used) }}</td>
<td>{{ "{:,.1f}".format(row.minutes) }}</td><td>{{ "{:,}".format(row.rejected) }}</td>
<td class="left">{{ row.reasons }}</td><td>{{ row.lost_classes }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<h2 id="time">Where the time went</h2>
{% if rules %}
<div class="wide" tabindex="0" role="region" aria-label="Computing time by rule">
<table>
<thead><tr><th scope="col">Rule</th><th scope="col">Jobs</th><th scope="col">Total</th>
<th scope="col">Share</th><th scope="col">Longest job</th>
<th scope="col">Peak memory</th></tr></thead>
<tbody>
{% for rule in rules %}
<tr><td>{{ rule.rule }}</td><td>{{ rule.jobs }}</td><td>{{ rule.total_s | duration }}</td>
<td>{{ "{:.0%}".format(rule.share) }}</td><td>{{ rule.longest_s | duration }}</td>
<td>{{ "not measured" if rule.peak_mb != rule.peak_mb else "{:,.0f} MB".format(rule.peak_mb) }}</td>
</tr>
{% endfor %}
</tbody>
</table>
</div>
<p class="soft">Wall-clock time summed over jobs; jobs run side by side, so that the whole may have
taken less.</p>
{% else %}
<p>No job has been timed yet.</p>
{% endif %}
<h2 id="files">Where the files are</h2>
<dl>
{% for path, words in files %}
<dt><code>{{ path }}</code></dt><dd>{{ words }}</dd>
{% endfor %}
</dl>
"""

PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sonify results ({{{{ scale_words }}}})</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>{INTRODUCTION}{PERFORMANCE}{DRAWINGS}{LISTEN}{ACCOUNTS}</main>
<script>{SCRIPT}</script>
</body>
</html>
"""
