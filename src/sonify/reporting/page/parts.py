"""The parts that the results page shares with the cards of the report, as Jinja2 templates.

Strings in the code, so that their edits are seen as such. No addresses of other hosts.
"""

from sonify.reporting.page.style import SCRIPT, STYLE

PARTS = {
    "scale": """
{% if scale == "mini" %}
<p class="scale" role="note"><strong>Miniature:</strong> {{ setting }}.
It shows the whole experiment at work. Its
levels can’t be compared with the paper’s, and it neither confirms nor refutes what the paper
found.</p>
{% else %}
<p class="scale" role="note"><strong>Paper scale:</strong> {{ setting }}.</p>
{% endif %}
""",
    "verdicts": """
{% if claims %}
<p>{{ verdicts }}. Thresholds were fixed before the numbers were
seen{% if scale == "mini" %}; they hold for this miniature alone{% endif %}.</p>
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
""",
    "conventions": """
<p>{{ intervals }} <em>fc-only</em> trains the classifier alone, <em>full</em> the whole network.
Pretraining is on AudioSet.</p>
""",
    "table": """
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
""",
    "hearing": """
<p>{{ rule }} Each sonification is as loud as its input at the peak. The sounds of a clip have one
level: where the residual (input minus sonification) would be louder than a file can hold, all of
them are turned down alike. The pictures are spectrograms, 0 to 4 kHz upwards, with one scale of
{{ range_db }} dB for each clip; bright is loud. <strong>The paper heard</strong> similar
band-selective filters at layer 1 in both regimes, and in layers 8 to 11 mostly high-frequency noise
in the supervised one against recognisable sounds in the contrastive one (section 3.3).</p>
""",
    "column": """
<div class="{{ column.regime }}">
<p class="regime">{{ column.regime }} <span class="soft">{{ column.model }}
{%- if column.counts %}, {{ column.counts.dead }} of {{ column.counts.filters }} filters dead
{%- endif %}</span></p>
{% for card in column.cards %}
<article class="card">
<p><strong>Filter {{ card.filter }}</strong>, activation {{ card.activation }}<br>
its top clip {{ card.rank }}{{ ", shown above too" if card.repeated else "" }},
<code>{{ card.clip_id }}</code>, {{ card.seconds }} s:
{{ card.labels | join("; ") if card.labels else "no labels" }}</p>
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
""",
    "clips": """
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
""",
    "time": """
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
""",
}


def document(title: str, main: str) -> str:
    """The template of a whole HTML file, from templates of its title and of its body."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>{main}</main>
<script>{SCRIPT}</script>
</body>
</html>
"""
