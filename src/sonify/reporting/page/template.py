"""The results page as a Jinja2 template: a string in the code, so that its edits are seen as such.

No addresses of other hosts.
"""

from sonify.reporting.page.parts import document

INTRODUCTION = """
<h1>Sonify: hearing what a raw-waveform network hears</h1>
<p>A convolutional network that recognises sounds from raw waveforms turns each clip into hundreds
of feature maps. A <em>sonification</em> takes one of these maps back through the network
(unpooling, rectification, transposed convolution with the network’s own weights) until it is a
sound again: the part of the input that excites that map. This page sets what we measured beside
the paper, for networks first trained with labels (<strong>supervised</strong>) and without
(<strong>contrastive</strong>).</p>
{% include "scale" %}
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
{% include "verdicts" %}
{% if claims %}
<p>Also as <a href="claims.md">text</a>.</p>
{% endif %}
"""

TABLES = """
<h2 id="tables">Tables</h2>
{% include "conventions" %}
{% for table in tables %}
<h3 id="table_{{ table.name }}">{{ table.title }}</h3>
{% include "table" %}
<p>Also as <a href="tables/table_{{ table.name }}.csv">CSV</a> and
<a href="tables/table_{{ table.name }}.md">Markdown</a>.</p>
{% else %}
<p>No table has been made yet.</p>
{% endfor %}
"""

DRAWINGS = """
<h2 id="figures">Figures</h2>
{% if figures %}
<p>In curves, dots are runs and bands 95% t-intervals over them, of two runs so wide that the axes
cut them off.</p>
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
{% include "hearing" %}
<p><a href="gallery/index.html">The gallery</a> has all filters.</p>
{% for layer in layers %}
<section aria-label="Layer {{ layer.layer }}">
<h3>Layer {{ layer.layer }}</h3>
<div class="columns">
{% for column in layer.columns %}
{% include "column" %}
{% endfor %}
</div>
</section>
{% endfor %}
"""

ACCOUNTS = """
<h2 id="data">Data: every listed clip accounted for</h2>
{% include "clips" %}
<h2 id="time">Where the time went</h2>
{% include "time" %}
<h2 id="files">Where the files are</h2>
<dl>
{% for path, words in files %}
<dt><code>{{ path }}</code></dt><dd>{{ words }}</dd>
{% endfor %}
</dl>
"""

PAGE = document(
    "Sonify results ({{ scale_words }})",
    INTRODUCTION + CLAIMS + TABLES + DRAWINGS + LISTEN + ACCOUNTS,
)
