"""The head scores of `retmask detect --scorer logit|query|ablation` in plain transformers, for one sample.

Attention weights come from eager attention, values from v_proj, and heads are masked by zeroing the columns of o_proj.
"""

import torch

NULL_QUESTION = "N/A"


def table(scores):
    """{"layer-head": score} of [layers][heads]."""
    return {f"{layer}-{head}": float(score) for layer, row in enumerate(scores) for head, score in enumerate(row)}


def answer_steps(tokenizer, tokens, real_needle):
    exact = tokenizer.encode(real_needle, add_special_tokens=False)
    for begin in range(len(tokens) - len(exact) + 1):
        if tokens[begin : begin + len(exact)] == exact:
            return list(range(begin, begin + len(exact)))
    texts = [tokenizer.decode([token], skip_special_tokens=True) for token in tokens]
    found = "".join(texts).lower().find(real_needle.lower())
    if found < 0:
        return []
    starts = [len("".join(texts[:i])) for i in range(len(texts))]
    return [
        i for i, text in enumerate(texts) if starts[i] + len(text) > found and starts[i] < found + len(real_needle)
    ]


@torch.no_grad()
def logit(model, tokenizer, prompt, span, real_needle, tokens):
    """`tokens`: the model's greedy answer. None without answer steps."""
    steps = answer_steps(tokenizer, tokens, real_needle)
    if not steps:
        return None
    config = model.config
    groups = config.num_attention_heads // config.num_key_value_heads
    head_dim = model.model.layers[0].self_attn.head_dim
    values = []
    hooks = [
        layer.self_attn.v_proj.register_forward_hook(lambda _, __, out: values.append(out[0]))
        for layer in model.model.layers
    ]
    attentions = model(torch.tensor([prompt + tokens]), output_attentions=True).attentions
    for hook in hooks:
        hook.remove()
    begin, end = span[0], min(span[1], len(prompt))
    scores = []
    for layer, weights, value in zip(model.model.layers, attentions, values):
        # [heads, keys, head_dim] and [hidden, heads, head_dim]
        value = value.view(-1, config.num_key_value_heads, head_dim).transpose(0, 1).repeat_interleave(groups, 0)
        output = layer.self_attn.o_proj.weight.view(config.hidden_size, config.num_attention_heads, head_dim)
        total = torch.zeros(config.num_attention_heads)
        for step in steps:
            row = len(prompt) + step - 1
            keys = row + 1
            direction = torch.einsum("e,ehd->hd", model.lm_head.weight[tokens[step]], output)
            phi = weights[0, :, row, :keys] * torch.einsum("hkd,hd->hk", value[:, :keys], direction)
            inside = phi[:, begin:end].sum(-1)
            total += inside - (end - begin) / (keys - (end - begin)) * (phi.sum(-1) - inside)
        scores.append(total / len(steps))
    return table(scores)


def encode_with_offsets(tokenizer, text):
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return encoded["input_ids"], encoded["offset_mapping"]


@torch.no_grad()
def query(model, tokenizer, text_of, question, span):
    """`text_of`: the rendered prompt that asks a question. None if the needle is not before it."""
    masses = []
    for asked in [question, NULL_QUESTION]:
        text = text_of(asked)
        ids, offsets = encode_with_offsets(tokenizer, text)
        begin = text.rindex("Question: ") + len("Question: ")
        rows = [i for i, (first, last) in enumerate(offsets) if last > begin and first < begin + len(asked)]
        if span[0] >= rows[0]:
            return None  # found in the template's end, which the question does not see
        attentions = model(torch.tensor([ids]), output_attentions=True).attentions
        masses.append([weights[0, :, rows, span[0] : span[1]].sum(-1).mean(-1) for weights in attentions])
    return table([asked - null for asked, null in zip(*masses)])


@torch.no_grad()
def ablation(model, prompt, needle):
    head_dim = model.model.layers[0].self_attn.head_dim
    ids = torch.tensor([prompt + needle])

    def mean_logprob():
        logprobs = model(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        return logprobs[range(len(needle)), needle].mean()

    whole = mean_logprob()
    scores = []
    for layer in model.model.layers:
        weight = layer.self_attn.o_proj.weight
        scores.append([])
        for head in range(model.config.num_attention_heads):
            columns = slice(head * head_dim, (head + 1) * head_dim)
            kept = weight[:, columns].clone()
            weight[:, columns] = 0
            scores[-1].append(whole - mean_logprob())
            weight[:, columns] = kept
    return table(scores)
