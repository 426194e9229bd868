"""Writes spec/ir.schema.json from the types that are serialised, so that the schema cannot differ from the code.

It knows the parts of serde that these types use: externally tagged enums, `tag`, `rename_all`, `transparent`, `skip`.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ["ir/src/ir.rs", "ir/src/graph.rs", "ir/src/op.rs", "model/src/model.rs", "model/src/target.rs", "model/src/expr.rs", "model/src/relation.rs", "model/src/types.rs", "syntax/src/ast/operators.rs", "diagnostics/src/span.rs"]
START = "Ir"
SIMPLE = {
    # A name, kept once, is written as its text.
    "Symbol": {"type": "string"},
    "String": {"type": "string"}, "str": {"type": "string"}, "bool": {"type": "boolean"}, "f64": {"type": "number"},
    **{name: {"type": "integer"} for name in ("i8", "i32", "i64")},
    # Beyond 64 bits: as text.
    "Wide": {"type": ["integer", "string"]},
    **{name: {"type": "integer", "minimum": 0} for name in ("u8", "u16", "u32", "u64", "usize")},
}
# `Graph` writes its nodes itself: a node with its number, its inputs in port order and the bindings that it reads.
GRAPH = {
    "description": "The nodes, in order of id. `inputs` feed the ports 0, 1, …; `bindings` are read by name.",
    "type": "array",
    "items": {"unevaluatedProperties": False, "allOf": [{"$ref": "#/$defs/Node"}, {
        "type": "object", "required": ["id", "inputs", "bindings"],
        "properties": {"id": {"$ref": "#/$defs/NodeId"}, "inputs": {"type": "array", "items": {"$ref": "#/$defs/NodeId"}}, "bindings": {"type": "array", "items": {"$ref": "#/$defs/NodeId"}}},
    }]},
}


class Source:
    """The declarations of all files by name: docs, attributes, keyword, and the text between their brackets."""

    def __init__(self):
        self.found = {}
        for name in FILES:
            text = (ROOT / "compiler" / name).read_text(encoding="utf-8")
            text = text.split("#[cfg(test)]")[0]
            pattern = re.compile(r"((?:[ \t]*///[^\n]*\n|[ \t]*#\[[^\n]*\]\n)*)pub (struct|enum|type) (\w+)\s*(=[^;]*;|[({])")
            for match in pattern.finditer(text):
                head, keyword, ident, open_ = match.groups()
                if "Serialize" not in head and keyword != "type":
                    continue
                body = open_[1:-1] if keyword == "type" else inner(text, match.end() - 1)
                self.found.setdefault(ident, (docs(head), head, keyword if keyword == "type" or open_ == "{" else "tuple", body))


def inner(text, at):
    """What stands between the bracket at `at` and the one that closes it."""
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] in "({[<") - (text[index] in ")}]")
        depth -= text[index] == ">" and text[index - 1] not in "-="
        if depth == 0:
            return text[at + 1:index]
    raise ValueError("an open bracket")


def docs(head):
    said = [line.strip()[3:].strip() for line in head.splitlines() if line.strip().startswith("///")]
    return re.sub(r"\[`?([^\]`]+)`?\](?:\([^)]*\))?", r"`\1`", " ".join(said))


def split(body):
    """The parts of a list that commas separate, outside of brackets and comments."""
    parts, depth, part, line_comment = [], 0, "", False
    for index, sign in enumerate(body):
        if body.startswith("//", index) and not line_comment:
            line_comment = True
        if sign == "\n":
            line_comment = False
        if not line_comment:
            depth += sign in "({[<"
            depth -= sign in ")}]" or (sign == ">" and body[index - 1] not in "-=")
            if sign == "," and depth == 0:
                parts.append(part)
                part = ""
                continue
        part += sign
    return [part for part in [*parts, part] if re.sub(r"//[^\n]*", "", part).strip()]


def renamed(name, rule):
    if rule == "snake_case":
        return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return name.lower() if rule == "lowercase" else name


def serde(head, key):
    found = re.search(rf'#\[serde\([^\]]*\b{key} = "([^"]+)"', head)
    return found[1] if found else None


class Writer:
    """Follows the types from the first one on."""

    def __init__(self):
        self.source, self.defs = Source(), {}

    def reference(self, ty):
        ty = ty.strip()
        ty = re.sub(r"^&(?:'\w+ )?(?:mut )?", "", ty)
        if generic := re.fullmatch(r"(?:\w+::)*(\w+)<(.*)>", ty, re.DOTALL):
            name, arguments = generic[1], split(generic[2])
            if name == "Option":
                return {"anyOf": [self.reference(arguments[0]), {"type": "null"}]}
            if name in ("Vec", "BTreeSet"):
                return {"type": "array", "items": self.reference(arguments[0])}
            if name == "BTreeMap":
                return {"type": "object", "additionalProperties": self.reference(arguments[1])}
            if name in ("Box", "Arc"):
                return self.reference(arguments[0])
            raise ValueError(f"unknown generic type {ty}")
        if ty.startswith("["):
            return self.reference(f"Vec<{ty[1:-1]}>")
        if ty.startswith("("):
            parts = [self.reference(part) for part in split(ty[1:-1])]
            return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
        name = ty.split("::")[-1]
        if name == "BindingSettings":
            return self.reference("FlowSettings")
        # Lists that lie in memory in ways of their own are written as lists.
        if name == "Columns":
            return self.reference("Vec<Column>")
        if name == "Planes":
            return self.reference("Vec<Plane>")
        if name in SIMPLE:
            return dict(SIMPLE[name])
        self.define(name)
        return {"$ref": f"#/$defs/{name}"}

    def define(self, name):
        if name in self.defs:
            return
        if name == "Graph":
            self.defs[name] = GRAPH
            self.define("Node")
            # An entry of the graph has more than its node; `unevaluatedProperties` closes it.
            del self.defs["Node"]["additionalProperties"]
            self.define("NodeId")
            return
        if name not in self.source.found:
            raise ValueError(f"there is no serialised type `{name}`")
        described, head, keyword, body = self.source.found[name]
        self.defs[name] = {}
        if keyword == "type":
            schema = self.reference(body)
        elif keyword == "struct":
            schema = self.fields(body)
        elif keyword == "tuple":
            schema = self.tuple(body)
        else:
            schema = self.enum(head, body)
        self.defs[name] = {"description": described, **schema} if described else schema

    def fields(self, body, first=None):
        properties = dict(first or {})
        required = list(properties)
        for part in split(body):
            head, rest = self.part(part)
            name, ty = re.sub(r"^pub(?:\([^)]*\))? ", "", rest).split(":", 1)
            name = name.strip()
            schema = self.reference(ty)
            said = docs(head)
            properties[name] = {"description": said, **schema} if said else schema
            if "skip_serializing_if" not in head:
                required.append(name)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    @staticmethod
    def part(text):
        """Docs and attributes of a field or variant, and the rest."""
        found = re.match(r"\s*((?:(?:///?[^\n]*|#\[[^\n]*\])\s*)*)(.*)", text, re.DOTALL)
        return found[1], found[2].strip()

    def tuple(self, body):
        parts = [re.sub(r"^pub(?:\([^)]*\))? ", "", self.part(part)[1]) for part in split(body)]
        return self.reference(parts[0]) if len(parts) == 1 else self.reference(f"({', '.join(parts)})")

    def enum(self, head, body):
        rule, tag = serde(head, "rename_all"), serde(head, "tag")
        variants, words = [], []
        for part in split(body):
            part_head, rest = self.part(part)
            ident = re.match(r"\w+", rest)[0]
            name, content, said = renamed(ident, rule), rest[len(ident):].strip(), docs(part_head)
            if tag:
                constant = {tag: {"const": name}}
                schema = self.fields(content[1:-1] if content else "", constant)
            elif not content:
                words.append(name)
                schema = {"const": name}
            else:
                value = self.fields(inner(content, 0)) if content[0] == "{" else self.tuple(inner(content, 0))
                schema = {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}
            variants.append({"description": said, **schema} if said else schema)
        if len(words) == len(variants):
            return {"enum": words}
        return {"oneOf": variants}


def text():
    """The schema, as it stands in the file."""
    writer = Writer()
    writer.define(START)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The IR of an asol solution",
        "$comment": "Written by tests/tools/ir_schema.py from the types of compiler/ir and compiler/model; do not edit.",
        "$ref": f"#/$defs/{START}",
        "$defs": {name: writer.defs[name] for name in sorted(writer.defs)},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (ROOT / "spec" / "ir.schema.json").write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
