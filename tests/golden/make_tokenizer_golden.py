#!/usr/bin/env python3
"""Makes tests/golden/tokenizer: results of Hugging Face's tokenizers, sentencepiece and jinja2 for difficult texts.

    .venv/bin/python tests/golden/make_tokenizer_golden.py [--shared DIR] [--smollm2 DIR]

parts_*.json    small tokenizers, one for each supported component of tokenizer.json; they need no other file
shared.json     the real tokenizers and templates of the --shared folder, and SmolLM2's (ids and renderings only)
templates.json  templates written for this test
sentencepiece/  a tokenizer.model trained on the texts below, and its output
"""

import argparse
import io
import json
import pathlib

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tokenizer"

TRAINING = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all.",
    "She sells seashells by the seashore; they're sold for 12 pence, or 100 for a pound.",
    "In the beginning there was nothing, and then there were tokens: the, then, there, theirs.",
    "Peter Piper picked a peck of pickled peppers. How many did Peter Piper pick?",
    "Les élèves naïfs préfèrent l'été à Noël. Größe und Straße, über Äpfel.",
    "def main():\n    for i in range(10):\n        print(i, end='\\n\\n')\n",
    "你好，世界。我们在这里说话。 Привет, мир! こんにちは世界",
] * 4

TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "\n\n \n",
    "a",
    " a",
    "a ",
    "The quick brown fox",
    "  The  quick   brown    fox  ",
    "don't DON'T we'll WE'LL they're I'ſ 'tis ''s",
    "12345 67 8 1,234.56 ١٢٣ ½ Ⅷ ²",
    "tabs\tand\r\nlines\r\rmore\n\n\n",
    "v\u000bf\u000cn\u0085b\u00a0o\u1680m\u180el\u2028p\u2029i\u3000z\u200b!",
    "naïve café Ünïcödé",
    "nai\u0308ve cafe\u0301 A\u030angstro\u0308m",
    "q\u0323\u0307 q\u0307\u0323 \u1112\u1161\u11ab \uac00\u11a8",
    "ﬁ ﬂ Ⅳ ① ½ ｆｕｌｌ",
    "İstanbul ΣΊΣΥΦΟΣ ẞ Ǆ",
    "你好，世界！我们在这里说话。",
    "こんにちは 世界 カタカナ",
    "안녕하세요 세계",
    "привет мир, шалом שלום, سلام, नमस्ते, สวัสดี",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽",
    "\U0001fae8 \U00031350\U0002ebf0 \U00010d40 \U00011f02 \ua7cb",  # of Unicode 15 to 16
    "\u0897\u0316 \u1ac7\u0316 a\u1dfa\u0301",  # combining marks added after Unicode 9
    "a\x00b\x01\x1f\x7f",
    "\ufeffmark \ufffd \uffff \U0010ffff",
    "x = {'a': [1, 2], \"b\": null};  // end\n\treturn x;\n",
    "https://example.org/a_b-c?d=e&f=%20#g",
    "=====-----***** ...... !!!??? $$$ \\\\ ``` ~~~",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "thethethethethethethethethethethethethethethethethethethethethethethethethethethere",
    "   " * 20 + "x" + "\n" * 20,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    "<think>\nhm\n</think>\n\nyes",
    "a<|im_end|>b <|im_end|> c\n<|im_end|>\n",
    "<|im_end| <|im_end|<|im_end|> |im_end|> <<|im_end|>>",
    "<|endoftext|><|endoftext|>",
    "<tool_call>{}</tool_call><|fim_prefix|>",
    "<s>x</s> <unk> <0x41> ▁ a▁b",
    "<mark> [mask]  [mask]  x[mask]y word words sword WORD Word",
    "e\u0301<mark>e\u0301",
    "mixed\u3000blanks \u00a0 \u2003x",
    "CamelCaseAndsnake_caseAND123Numbers456",
    "It's 5 o'clock; he'd've left'll",
    "\u0301\u0301alone",
    "\U0001d54f\U0001d556 \U0001d7d8",
    "a\u200db\u200cc\u2060d",
    "Ǆ ǅ ǆ ʰʱ ªº",
    "-1 +1 1e-5 0x1F 3.14159 1/2 5%",
    "end of text.",
    "Ⅰ１②⑶⒋",
    "\r",
    "\r\n\r\n",
    " \r \n \t ",
    "0" * 50,
    "one-two--the-final---countdown-",
]

# For the many small tokenizers.
SHORT_TEXTS = [text for text in TEXTS if len(text.encode()) <= 45]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def write(name, value):
    OUT.mkdir(exist_ok=True)
    path = OUT / name
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(path, path.stat().st_size, "bytes")


# -- the parts of tokenizer.json ----------------------------------------------------------------------------------------


def byte_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=380, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TRAINING, trainer)
    return json.loads(tokenizer.to_str())["model"]


def character_model():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=250, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(TRAINING[:6], trainer)
    return json.loads(tokenizer.to_str())["model"]


def with_byte_tokens(model):
    vocabulary = dict(model["vocab"])
    for byte in range(256):
        vocabulary.setdefault(f"<0x{byte:02X}>", len(vocabulary))
    return {**model, "vocab": vocabulary, "byte_fallback": True}


def with_some_byte_tokens(model):
    """If not all bytes of a character are tokens, none of them is used."""
    whole = with_byte_tokens(model)
    some = [token for token in whole["vocab"] if not token.startswith("<0x") or int(token[3:5], 16) % 4]
    return {**whole, "vocab": {token: i for i, token in enumerate(some)}}


def legacy_merges(model):
    return {**model, "merges": [" ".join(pair) for pair in model["merges"]]}


def shortcut(model):
    """ignore_merges with words that merges do not produce."""
    vocabulary = dict(model["vocab"])
    for word in ["ĠpeckĠof", "Ġquick", "quick", "123"]:
        vocabulary.setdefault(word, len(vocabulary))
    return {**model, "vocab": vocabulary, "ignore_merges": True}


def part(value):
    """The JSON of a normalizer, pre-tokenizer, ..."""
    return None if value is None else json.loads(value.__getstate__())


def tokenizer_json(model, normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None, added=()):
    tokenizer = Tokenizer.from_str(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "added_tokens": [],
                "normalizer": part(normalizer),
                "pre_tokenizer": part(pre_tokenizer),
                "post_processor": part(post_processor),
                "decoder": part(decoder),
                "model": model,
            }
        )
    )
    tokenizer.add_tokens(list(added))
    return tokenizer


def part_cases():
    byte_bpe, char_bpe = byte_model(), character_model()
    all_models = {
        "bytes": byte_bpe,
        "bytes_legacy_merges": legacy_merges(byte_bpe),
        "bytes_ignore_merges": shortcut(byte_bpe),
        "chars": char_bpe,
        "chars_fused": {**char_bpe, "fuse_unk": True},
        "chars_vanish": {**char_bpe, "unk_token": None},
        "chars_fallback": with_byte_tokens(char_bpe),
        "chars_some_bytes": with_some_byte_tokens(char_bpe),
    }
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bytes_back = decoders.ByteLevel()

    def chain(*steps):
        return pre_tokenizers.Sequence(list(steps))

    def split(pattern, behavior="isolated", invert=False):
        return chain(pre_tokenizers.Split(pattern, behavior, invert), raw_bytes)

    cases = []

    def case(name, model, **parts):
        cases.append((name, model, parts))

    case("gpt2", "bytes", pre_tokenizer=byte_level, decoder=bytes_back)
    case("legacy merges", "bytes_legacy_merges", pre_tokenizer=byte_level, decoder=bytes_back)
    case("prefix space", "bytes", pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True), decoder=bytes_back)
    case("no regex", "bytes", pre_tokenizer=raw_bytes, decoder=bytes_back)
    case("ignore_merges", "bytes_ignore_merges", pre_tokenizer=byte_level, decoder=bytes_back)
    case("llama 3", "bytes", pre_tokenizer=split(Regex(LLAMA3)), decoder=bytes_back)
    case("deepseek", "bytes", pre_tokenizer=split(Regex(DEEPSEEK)), decoder=bytes_back)
    case("o200k", "bytes", pre_tokenizer=split(Regex(O200K)), decoder=bytes_back)
    case("han", "bytes", pre_tokenizer=split(Regex(r"\p{Han}+|[^\p{Han}]")), decoder=bytes_back)
    case("repeats", "bytes", pre_tokenizer=split(Regex(r"\p{N}{,2}\s|\p{L}{2,3}?|\p{Lu}{,1}\p{N}{2,}|'{}")), decoder=bytes_back)
    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in [False, True]:
            case(f"split {behavior} {invert}", "bytes", pre_tokenizer=split("-", behavior, invert), decoder=bytes_back)
    case("digits", "bytes", pre_tokenizer=chain(pre_tokenizers.Digits(False), byte_level), decoder=bytes_back)
    case("single digits", "bytes", pre_tokenizer=chain(pre_tokenizers.Digits(True), byte_level), decoder=bytes_back)
    case(
        "digits with prefix space",
        "bytes",
        pre_tokenizer=chain(pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=True)),
        decoder=bytes_back,
    )

    for form in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]:
        case(form, "bytes", normalizer=getattr(normalizers, form)(), pre_tokenizer=byte_level, decoder=bytes_back)
    for sides in [(True, False), (False, True), (True, True)]:
        case(f"strip {sides}", "bytes", normalizer=normalizers.Strip(*sides), pre_tokenizer=byte_level, decoder=bytes_back)
    rewrite = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Replace("the", "THE"),
            normalizers.Prepend("> "),
        ]
    )
    case("replace and prepend", "bytes", normalizer=rewrite, pre_tokenizer=byte_level, decoder=bytes_back)

    llama2 = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    pieces_back = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    for model in ["chars", "chars_fused", "chars_vanish", "chars_fallback", "chars_some_bytes"]:
        case(f"llama 2, {model}", model, normalizer=llama2, decoder=pieces_back)
    for scheme in ["always", "first", "never"]:
        for is_split in [True, False]:
            case(
                f"metaspace {scheme} {is_split}",
                "chars_fallback",
                pre_tokenizer=pre_tokenizers.Metaspace("▁", scheme, is_split),
                decoder=decoders.Metaspace("▁", scheme, is_split),
                added=[AddedToken("<s>", special=True)],
            )
    # Only the first piece of a text gets the mark, wherever another step has split.
    vowels = pre_tokenizers.Split(Regex("[aeiou]"), "isolated")
    behind_split = chain(vowels, pre_tokenizers.Metaspace("▁", "first", True))
    case("metaspace first behind a split", "chars_fallback", pre_tokenizer=behind_split)
    # Nor does any piece, once what the text begins with is removed.
    behind_removal = chain(pre_tokenizers.Split(Regex("[ a]"), "removed"), pre_tokenizers.Metaspace("▁", "first", True))
    case("metaspace first behind a removal", "chars_fallback", pre_tokenizer=behind_removal)
    case("nothing but the model", "chars")
    # Stripping both sides in one Strip makes Hugging Face's library panic on a token that consists of it.
    for ends in [(2, 0), (0, 1)]:
        case(f"strip {ends}", "chars", decoder=decoders.Sequence([decoders.Strip("e", *ends), decoders.Fuse()]))

    added = [
        AddedToken("<mark>", special=True),
        AddedToken("[mask]", lstrip=True, rstrip=True, normalized=False),
        AddedToken("word", single_word=True, normalized=False),
        AddedToken("<|im_end|>", special=True, rstrip=True),
        AddedToken("<|im_end|>b", normalized=False),
        AddedToken("e\u0301", normalized=True),
    ]
    case("added tokens", "bytes", pre_tokenizer=byte_level, decoder=bytes_back, added=added)
    case(
        "added tokens, normalized",
        "bytes",
        normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]),
        pre_tokenizer=byte_level,
        decoder=bytes_back,
        added=[*added, AddedToken("WORDS", normalized=True), AddedToken("É", normalized=True)],
    )
    framed = processors.TemplateProcessing(
        single="<s> <s> $A </s>", pair="<s> $A </s> $B", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    case("framed", "chars", post_processor=framed, decoder=pieces_back)
    case(
        "framed in a sequence",
        "chars",
        post_processor=processors.Sequence([processors.ByteLevel(trim_offsets=False), framed]),
        decoder=pieces_back,
    )
    return all_models, cases


def make_parts(kind):
    all_models, cases = part_cases()
    all_models = {name: model for name, model in all_models.items() if name.startswith(kind)}
    rows = []
    for name, model, parts in cases:
        if model not in all_models:
            continue
        tokenizer = tokenizer_json(all_models[model], **parts)
        document = json.loads(tokenizer.to_str())
        document["model"] = model
        encoded = [tokenizer.encode(text, add_special_tokens=True).ids for text in SHORT_TEXTS]
        rows.append(
            {
                "name": name,
                "tokenizer": document,
                "ids": encoded,
                # Only if decoding the ids does not restore the text.
                "decoded": changed(SHORT_TEXTS, [tokenizer.decode(ids, skip_special_tokens=False) for ids in encoded]),
                "decoded_skip": changed(SHORT_TEXTS, [tokenizer.decode(ids, skip_special_tokens=True) for ids in encoded]),
            }
        )
    write(f"parts_{kind}.json", {"texts": SHORT_TEXTS, "models": all_models, "cases": rows})


def changed(texts, decoded):
    return {str(i): back for i, (text, back) in enumerate(zip(texts, decoded, strict=True)) if back != text}


# -- chat templates -------------------------------------------------------------------------------------------------------

SYSTEM = {"role": "system", "content": "You are terse."}


def turns(*contents):
    return [{"role": "user" if i % 2 == 0 else "assistant", "content": c} for i, c in enumerate(contents)]


CONVERSATIONS = [
    turns("Hi"),
    turns(""),
    turns("  padded \t\n"),
    turns("\u3000wide\u00a0"),
    turns("a", "b", "c"),
    turns("a", " b \n", " c "),
    [SYSTEM, *turns("é 你好 🌍")],
    [SYSTEM, *turns("2+2?", "<think>\nLet me see.\n</think>\n\n4", "and 3+3?")],
    turns("2+2?", "<think>\nLet me see.\n</think>\n\n4"),
    turns("q", "<think>open"),
    turns("q", "a</think>b", "r", "<think>\n\n</think>\n\nc"),
    [*turns("q"), {"role": "assistant", "content": "a", "reasoning_content": "why"}],
]
VARIABLES = [{}, {"enable_thinking": True}, {"enable_thinking": False}]

TEMPLATES = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "indented": "{% for m in messages %}\n    {% if m.role == 'user' %}\n  U: {{ m.content | trim }}\n    {% elif true %}\n"
    "  {{ bos_token }}{{- m.content }}\n    {% endif %}\n{%- endfor %}\nend\n",
    "dos": "{% for m in messages %}\r\n{{ loop.index }} {{ m.content | length }}\r\n{% endfor %}\r\n",
    "thinking": "{% if enable_thinking is defined %}{{ enable_thinking }}{% else %}unset{% endif %} {{ eos_token }}",
    "json": "{{ messages | tojson }}",
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def render(template, tokens, messages, variables, generation):
    rendered, _ = render_jinja_template(
        [messages], chat_template=template, add_generation_prompt=generation, **{**tokens, **variables}
    )
    return rendered[0]


def renderings(template, tokens):
    return [
        [render(template, tokens, messages, variables, generation) for messages in CONVERSATIONS]
        for variables in VARIABLES
        for generation in (True, False)
    ]


def make_templates():
    rows = [
        {"name": name, "template": template, "rendered": renderings(template, SPECIAL)}
        for name, template in TEMPLATES.items()
    ]
    write("templates.json", {"conversations": CONVERSATIONS, "variables": VARIABLES, "templates": rows})


# -- the real ones --------------------------------------------------------------------------------------------------------


def make_shared(folders):
    rows = []
    for name, folder in folders.items():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "tokenizer_config.json").read_text())
        path = folder / "chat_template.jinja"
        template = path.read_text() if path.is_file() else config["chat_template"]
        tokens = {key: config[key] for key in ("bos_token", "eos_token") if config.get(key)}
        encoded = [tokenizer.encode(text, add_special_tokens=True).ids for text in TEXTS]
        rows.append(
            {
                "name": name,
                "ids": encoded,
                "decoded_skip": changed(TEXTS, [tokenizer.decode(ids, skip_special_tokens=True) for ids in encoded]),
                "rendered": renderings(template, tokens),
            }
        )
    write("shared.json", {"texts": TEXTS, "tokenizers": rows})


# -- sentencepiece --------------------------------------------------------------------------------------------------------


def make_sentencepiece():
    folder = OUT / "sentencepiece"
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TRAINING),
        model_writer=model,
        model_type="bpe",
        vocab_size=420,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>"}
    config["unk_token"] = {"content": "<unk>"}
    config["added_tokens_decoder"] = {
        "420": {"content": "<|im_end|>", "normalized": False, "special": True},
        "421": {"content": "<mark>", "normalized": False, "special": False},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")

    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    special = ["<s>", "</s>", "<unk>", "<|im_end|>", "<mark>"]
    plain = [text for text in TEXTS if not any(token in text for token in special)]
    mixed = ["a<s>b</s>", "the<mark> quick<|im_end|>brown", "x<|im_end|>\nthe dog<mark><mark>é你", "<unk>the"]
    converted = as_huggingface(processor)
    ids = [processor.encode(text, add_bos=True) for text in plain]
    ids += [[processor.bos_id(), *converted.encode(text).ids] for text in mixed]
    write(
        "sentencepiece/expected.json",
        {
            "texts": plain + mixed,
            "ids": ids,
            "decoded": [converted.decode(row, skip_special_tokens=False) for row in ids],
            "decoded_skip": [converted.decode(row, skip_special_tokens=True) for row in ids],
        },
    )


def as_huggingface(processor):
    """transformers' results for a Llama-2 tokenizer.model (LlamaTokenizer, not legacy)."""
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for piece in pieces:
        for cut in range(1, len(piece)):
            if piece[:cut] in vocabulary and piece[cut:] in vocabulary and not processor.is_byte(vocabulary[piece]):
                merges.append((piece[:cut], piece[cut:]))
    merges.sort(key=lambda pair: (-processor.get_score(vocabulary["".join(pair)]), *map(vocabulary.get, pair)))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<mark>", normalized=False)])
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = HERE.parents[1]
    parser.add_argument("--shared", type=pathlib.Path, default=root.parent / "shared")
    parser.add_argument("--smollm2", type=pathlib.Path, default=root / "build/models/SmolLM2-135M-Instruct")
    options = parser.parse_args()
    make_parts("bytes")
    make_parts("chars")
    make_templates()
    make_sentencepiece()
    make_shared(
        {
            "llama-3.1": options.shared / "tokenizers/llama-3.1",
            "qwen3": options.shared / "tokenizers/qwen3",
            "smollm2": options.smollm2,
        }
    )


if __name__ == "__main__":
    main()
