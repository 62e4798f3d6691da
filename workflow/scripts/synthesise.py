"""Write a synthetic raw corpus in the layout of the real dataset."""

from pathlib import Path

from sonify.data.synthesis.corpora import Tally, raw_corpus
from sonify.runtime.folders import whole_folder
from sonify.runtime.jobs import parser, run, say


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--dataset", required=True, help="name of the dataset")
    options.add_argument("--seed", type=int, required=True, help="seed of the runs it is for")
    options.add_argument("--out", type=Path, required=True, help="root of the corpus to write")
    args = options.parse_args()
    tally = Tally(args.dataset)
    with whole_folder(args.out) as out:
        for name, content in tally.counting(raw_corpus(args.dataset, args.settings, args.seed)):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
    say(str(tally))


run(main)
