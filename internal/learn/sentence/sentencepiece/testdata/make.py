"""Makes tiny.model and tiny.json: a unigram model of a few texts, and what SentencePiece itself makes of others.

Needs the package sentencepiece (0.2.3 was used): python3 make.py
"""

import json
import pathlib

import sentencepiece

here = pathlib.Path(__file__).parent
verbs = ["open", "close", "find", "lose", "sell", "paint", "открыть", "закрыть", "найти", "потерять", "продать", "покрасить"]
things = ["the old door", "a garden gate", "my red boat", "their windows", "старую дверь", "садовую калитку", "красную лодку", "окна"]
texts = [f"{v} {t}{end}" for v in verbs for t in things for end in (".", "?", " today", " сегодня", ", please")]

# What is replaced: the code points of a key, a tab, those that stand for it.
rules = {"ﬁ": "fi", "№": "No", "…": "...", "\u00a0": " ", "\u200b": " ", "\u00ad": "", "Ｄ": "D", "Ｄｏ": "do", "е\u0308": "ё"}
tsv = "".join("\t".join(" ".join(f"{ord(c):X}" for c in s) for s in pair) + "\n" for pair in rules.items())

(here / "rules.tsv").write_text(tsv)
(here / "texts.txt").write_text("\n".join(texts) + "\n")
sentencepiece.SentencePieceTrainer.train(
    input=str(here / "texts.txt"), model_prefix=str(here / "tiny"), vocab_size=70, model_type="unigram",
    normalization_rule_tsv=str(here / "rules.tsv"), character_coverage=1.0, bos_id=1, eos_id=2, unk_id=0,
    num_threads=1,
)
for name in ("rules.tsv", "texts.txt", "tiny.vocab"):
    (here / name).unlink()

model = sentencepiece.SentencePieceProcessor(model_file=str(here / "tiny.model"))
asked = [
    "", " ", "open the door", "  open \t the\u00a0 \u200b door  ", "OPEN THE DOOR", "открыть дверь", "найти калитку сегодня?", "ﬁnd № 5…",
    "Ｄｏor Ｄoor", "gar\u00adden", "е\u0308лка", "<s> the </s> <unk>", "dooooor", "x", "日 本", "sell 😀 boats",
    "z\u0301 o\u0302", "a.b,c?d", "the\nold\r\ndoor", "pleaseplease", "▁open▁", "боат red лодка", "window " * 40,
]
lines = [json.dumps({"text": t, "ids": model.encode(t)}, ensure_ascii=False) for t in asked]
(here / "tiny.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
