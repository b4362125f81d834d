"""Thirty conversations for rendering chat templates: [(name, messages, template variables), ..]."""


def user(content, **more):
    return {"role": "user", "content": content, **more}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def call(name, arguments, **more):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def result(content, **more):
    return {"role": "tool", "content": content, **more}


def tool(name, description, properties, required=(), **more):
    parameters = {"type": "object", "properties": properties, "required": list(required), **more}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


WEATHER = tool(
    "get_weather",
    'The weather of a place, e.g. "Köln" & 東京.',
    {"place": {"type": "string", "description": "City <name>"}, "unit": {"type": "string", "enum": ["°C", "°F"], "default": "°C"}},
    ["place"],
)
SEARCH = tool(
    "search",
    "Searches.\nTwo lines.",
    {
        "query": {"type": ["string", "null"], "description": "it's \"text\""},
        "limits": {"type": "array", "items": {"type": "integer"}, "minItems": 0},
        "filter": {"type": "object", "properties": {"from": {"type": "number"}, "deep": {"type": "object", "properties": {"x": {"type": "boolean"}}}}},
        "mode": {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
    },
    additionalProperties=False,
)
NOTHING = tool("now", "No arguments", {})
BARE = {"name": "bare", "description": "Without the function wrapper", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
RETURNS = tool("add", "Adds", {"a": {"type": "number", "description": "one"}, "b": {"type": "number", "description": "two"}}, ["a", "b"])
RETURNS["function"]["return"] = {"type": "number", "description": "the sum"}

HELLO = [user("Hello, how are you?")]
TURNS = [user("What is 2 + 2?"), assistant("4."), user("And 3 + 3?")]
CALLED = [
    user("Weather in Köln?"),
    assistant("", tool_calls=[call("get_weather", {"place": "Köln", "unit": "°C", "days": 3, "exact": True, "none": None, "f": 1.5}, id="call00001")]),
    result('{"temp": 21.5, "sky": "heiter ☀"}', name="get_weather", tool_call_id="call00001"),
]


def conversations():
    prompt = {"add_generation_prompt": True}
    tools = {"tools": [WEATHER, SEARCH], "add_generation_prompt": True}
    two_calls = assistant(
        "Let me look.",
        tool_calls=[call("get_weather", {"place": "東京"}, id="abcdefghi"), call("search", {"query": "a 'b' \"c\"", "limits": [1, 2]}, id="jklmnopqr")],
    )
    thought = "First, add.\nThen check: 2 + 2 = 4."
    return [
        ("one question", HELLO, prompt),
        ("one question, no prompt", HELLO, {"add_generation_prompt": False}),
        ("system", [system("Be brief."), *HELLO], prompt),
        ("system, turns, answered", [system("Be brief."), *TURNS, assistant("6.")], {"add_generation_prompt": False}),
        ("turns", TURNS, prompt),
        ("five turns", [*TURNS, assistant("6."), user("Thanks!\n"), assistant("  You are welcome.  "), user(" Bye ")], prompt),
        ("thinking off", TURNS, {"add_generation_prompt": True, "enable_thinking": False, "thinking": False}),
        ("thinking on", [system("Think."), *TURNS], {"add_generation_prompt": True, "enable_thinking": True, "thinking": True, "reasoning_effort": "high"}),
        ("reasoning_content", [user("2 + 2?"), assistant("4.", reasoning_content=thought), user("3 + 3?"), assistant("6.", reasoning_content="Easy.")], {"add_generation_prompt": False}),
        ("thinking field", [user("2 + 2?"), assistant("4.", thinking=thought), user("Sure?")], prompt),
        ("think tags in the text", [user("2 + 2?"), assistant(f"<think>\n{thought}\n</think>\n\n4."), user("Sure?"), assistant("<think>\n\n</think>\n\nYes.")], {"add_generation_prompt": False}),
        ("broken think tags", [user("</think>?"), assistant("a</think>b<think>c</think>d"), user("<think>")], prompt),
        ("unicode", [system("Antworte auf Deutsch. 「簡潔に」"), user("\u00a0Grüße 👩‍👩‍👧 nai\u0308ve \u3000 世界\u2028x"), assistant("\u3000Straße ẞ İ ﬁ\u00a0"), user("\u200bок\ufeff")], prompt),
        ("empty contents", [system(""), user(""), assistant(""), user("")], prompt),
        ("white space", [system("  \n"), user("\n\n a \t\n"), assistant("\n"), user(" \u3000 ")], prompt),
        ("content in parts", [user([{"type": "text", "text": "Look: "}, {"type": "text", "text": "é世"}]), assistant([{"type": "text", "text": "Seen."}]), user([{"type": "text", "text": "More"}])], prompt),
        ("an image in parts", [system([{"type": "text", "text": "See."}]), user([{"type": "image"}, {"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "x"}}])], prompt),
        ("system in parts, empty list", [system([{"type": "text", "text": "Be brief."}]), user([])], prompt),
        ("tools, no call", HELLO, tools),
        ("tools, system", [system("Use tools."), *HELLO], {**tools, "tools": [WEATHER, NOTHING, RETURNS], "add_generation_prompt": False}),
        ("a call and its result", CALLED, tools),
        ("a call, result, answer, question", [system("Use tools."), *CALLED, assistant("21.5 °C."), user("And tomorrow?")], tools),
        ("two calls, two results", [user("Both?"), two_calls, result("rain", tool_call_id="abcdefghi", name="get_weather"), result('["x", 1]', tool_call_id="jklmnopqr", name="search"), assistant("Done.", reasoning_content=thought)], {**tools, "add_generation_prompt": False}),
        ("arguments as text", [user("Both?"), assistant(None, tool_calls=[call("search", '{"query": "é", "limits": [1]}', id="123456789")]), result("nothing", tool_call_id="123456789")], tools),
        ("content null, reasoning with a call", [user("Go"), assistant(None, reasoning_content="I need a tool.", tool_calls=[call("now", {}, id="aaaaaaaaa")]), result("12:00", tool_call_id="aaaaaaaaa", name="now")], {**tools, "tools": [NOTHING], "enable_thinking": False}),
        ("bare tools, result is an object", [user("Go"), assistant("", tool_calls=[call("bare", {"a": 1}, id="bbbbbbbbb")]), result({"a": [1, 2.0, None, True, "é"]}, tool_call_id="bbbbbbbbb", name="bare")], {**tools, "tools": [BARE]}),
        ("documents and dates", [system("Cite."), user("Who?")], {"add_generation_prompt": True, "documents": [{"title": "Ü", "text": "It's \"me\".\n", "doc_id": 1}, {"title": "B", "text": "x"}], "date_string": "26 Jul 2024", "custom_tools": [WEATHER], "builtin_tools": ["brave_search"], "controls": {"length": "long", "originality": "é"}}),
        ("wrong order", [assistant("Hi!"), user("Hello?"), user("Anybody?"), system("Late.")], prompt),
        ("unknown role, missing content", [user("a"), {"role": "critic", "content": "b"}, {"role": "assistant"}, user("c")], prompt),
        ("ends with the assistant", [user("Write a poem."), assistant("Roses are")], {"add_generation_prompt": True, "tools_in_user_message": False, "preserve_thinking": True}),
    ]  # fmt: skip
