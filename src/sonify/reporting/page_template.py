"""The results page as a Jinja2 template: a string in the code, so that its edits are seen as such.

No addresses of other hosts.
"""

from sonify.reporting.page_style import SCRIPT, STYLE

INTRODUCTION = """
<h1>Sonify: hearing what a raw-waveform network hears</h1>
<p>A convolutional network that recognises sounds from raw waveforms turns each clip into hundreds
of feature maps. A <em>sonification</em> takes one of these maps back through the network
(unpooling, rectification, transposed convolution with the network’s own weights) until it is a
sound again: the part of the input that excites that map. This page sets what we measured beside
the paper, for networks first trained with labels (<strong>supervised</strong>) and without
(<strong>contrastive</strong>).</p>
{% if scale == "mini" %}
<p class="scale" role="note"><strong>Miniature:</strong> {{ setting }}.
It shows the whole experiment at work. Its
levels can’t be compared with the paper’s, and it neither confirms nor refutes what the paper
found.</p>
{% else %}
<p class="scale" role="note"><strong>Paper scale:</strong> {{ setting }}.</p>
{% endif %}
<p><a class="door" href="gallery/index.html">Open the gallery: hear every filter of every
layer</a></p>
<nav aria-label="On this page">
<ul>
<li><a href="#claims">The paper’s claims</a></li>
<li><a href="#tables">Tables</a>
<ul>{% for table in tables %}<li><a href="#table_{{ table.name }}">{{ table.title }}</a></li>
{% endfor %}</ul></li>
<li><a href="#figures">Figures</a>
<ul>{% for figure in figures %}<li><a href="#{{ figure.name }}">{{ figure.title }}</a></li>
{% endfor %}</ul></li>
<li><a href="#listen">Listen</a></li>
<li><a href="#data">Data</a></li>
<li><a href="#time">Time</a></li>
<li><a href="#files">Files</a></li>
</ul>
</nav>
"""

CLAIMS = """
<h2 id="claims">The paper’s claims</h2>
{% if claims %}
<p>{{ verdicts }}. How each verdict falls was fixed before the numbers were
seen{% if scale == "mini" %}; they hold for this miniature alone{% endif %}. Also as
<a href="claims.md">text</a>.</p>
<div class="wide" tabindex="0" role="region" aria-label="The paper’s claims and their verdicts">
<table class="claims">
<thead><tr><th scope="col">Claim</th>
<th class="left" scope="col">Verdict, measured</th></tr></thead>
<tbody>
{% for claim in claims %}
<tr><th scope="row">{{ claim.claim }}. {{ claim.statement }}
<span class="soft">(section {{ claim.section }})</span>
<div class="soft">{{ claim.remark }}</div>
<details><summary>How it was judged</summary><div>Measured: {{ claim.measure }}.</div>
<div>{{ claim.criterion }}</div></details>
</th><td class="left"><strong>{{ claim.verdict }}</strong>
{%- if claim.n_runs %}<br>{{ claim.value }}<br>
<span class="soft">{{ claim.n_runs }} run{{ "" if claim.n_runs == 1 else "s" }}</span>
{%- endif %}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% else %}
<p>No claim has been judged yet.</p>
{% endif %}
"""

TABLES = """
<h2 id="tables">Tables</h2>
<p>{{ intervals }} <em>fc-only</em> trains the classifier alone, <em>full</em> the whole network.
Pretraining is on AudioSet.</p>
{% for table in tables %}
<h3 id="table_{{ table.name }}">{{ table.title }}</h3>
<p>{{ table.conditions }} {{ table.remark }}</p>
<div class="wide" tabindex="0" role="region" aria-label="{{ table.title }}">
<table>
<thead>
<tr><th rowspan="2" scope="col">Model</th>
{% for words in table.heads %}
<th class="group" colspan="2" scope="colgroup">{{ words }}</th>
{% endfor %}
<th rowspan="2" scope="col">Runs</th></tr>
<tr>
{% for words in table.heads %}
<th scope="col">ours</th><th scope="col">paper</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for line in table.lines %}
<tr><th class="system" scope="row">{{ line.system }}</th>
{% for ours, paper in line.cells %}
<td class="ours{{ '' if line.n_runs else ' none' }}">{{ ours }}</td>
<td class="paper">{{ paper }}</td>
{% endfor %}
<td>{{ line.n_runs if line.source == "ours" else "published" }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<p>Also as <a href="tables/table_{{ table.name }}.csv">CSV</a> and
<a href="tables/table_{{ table.name }}.md">Markdown</a>.</p>
{% else %}
<p>No table has been made yet.</p>
{% endfor %}
"""

DRAWINGS = """
<h2 id="figures">Figures</h2>
{% if figures %}
<p>In curves, dots are runs and bands 95% t-intervals over them, very wide for two runs.</p>
{% endif %}
{% for figure in figures %}
<figure class="{{ figure.width }}">
<h3 id="{{ figure.name }}">{{ figure.title }}</h3>
<div class="wide" tabindex="0" role="region" aria-label="{{ figure.title }}">
<img class="drawing" src="{{ figure.image }}" alt="{{ figure.alt }}">
</div>
<figcaption>{{ figure.read }} <strong>The paper:</strong> {{ figure.paper }}
<span class="soft">{% for file in figure.files %}<a href="figures/{{ file }}">{{ file }}</a>
{{- "" if loop.last else ", " }}{% endfor %}</span></figcaption>
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
contrastive one (section 3.3). <a href="gallery/index.html">The gallery</a> has all filters.</p>
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
<main>{INTRODUCTION}{CLAIMS}{TABLES}{DRAWINGS}{LISTEN}{ACCOUNTS}</main>
<script>{SCRIPT}</script>
</body>
</html>
"""
