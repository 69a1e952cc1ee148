//! Schemas as OpenAI's strict mode takes them.

use serde_json::{Map, Value, json};

const MAPS: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SINGLE: [&str; 12] = [
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "contains",
    "items",
    "additionalItems",
    "unevaluatedItems",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
/// What may stand beside a reference, which the strict mode wants to stand alone.
const NOTES: [&str; 4] = ["title", "description", "default", "nullable"];
/// References that lead to references, at most.
const LONGEST_CHAIN: usize = 32;

/// The schema with every property required and no others allowed.
pub(super) fn strict_schema(schema: &Value) -> Value {
    let mut writer = Writer {
        root: schema,
        inlined: Vec::new(),
    };
    writer.strict(schema)
}

struct Writer<'a> {
    root: &'a Value,
    /// The references whose targets are being written: a type may contain itself.
    inlined: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    fn strict(&mut self, schema: &'a Value) -> Value {
        let Value::Object(fields) = schema else {
            return schema.clone();
        };
        match fields.get("$ref").and_then(Value::as_str) {
            Some(reference) if self.stands_with_notes(fields) => self.inlined(reference, fields),
            _ => Value::Object(self.strict_fields(fields)),
        }
    }

    fn stands_with_notes(&self, fields: &Map<String, Value>) -> bool {
        fields.len() > 1 && fields.keys().all(|key| key == "$ref" || NOTES.contains(&key.as_str()))
    }

    /// The target of a reference with the notes that stood beside it. A target within itself stays a reference, and its
    /// notes are lost.
    fn inlined(&mut self, reference: &'a str, notes: &'a Map<String, Value>) -> Value {
        let target = resolved(reference, self.root).filter(|_| !self.inlined.contains(&reference));
        self.inlined.push(reference);
        let strict = target.map(|target| self.strict(target));
        self.inlined.pop();
        let Some(Value::Object(mut fields)) = strict else {
            return json!({"$ref": reference});
        };
        let notes = notes.iter().filter(|(key, _)| *key != "$ref");
        fields.extend(notes.map(|(key, value)| (key.clone(), value.clone())));
        Value::Object(fields)
    }

    fn strict_fields(&mut self, fields: &'a Map<String, Value>) -> Map<String, Value> {
        let alternatives = fields
            .get("oneOf")
            .filter(|list| !fields.contains_key("anyOf") && exclude_each_other(list, self.root));
        let mut strict = Map::new();
        for (key, value) in fields {
            let name = if key == "oneOf" && alternatives.is_some() {
                "anyOf"
            } else {
                key
            };
            strict.insert(name.to_owned(), self.strict_field(key, value));
        }
        if strict.get("type").and_then(Value::as_str) == Some("object") || strict.contains_key("properties") {
            close(&mut strict);
        }
        strict
    }

    fn strict_field(&mut self, key: &str, value: &'a Value) -> Value {
        match value {
            Value::Object(schemas) if MAPS.contains(&key) => schemas
                .iter()
                .map(|(name, schema)| (name.clone(), self.strict(schema)))
                .collect(),
            Value::Array(schemas) if LISTS.contains(&key) => schemas.iter().map(|schema| self.strict(schema)).collect(),
            _ if SINGLE.contains(&key) => self.strict(value),
            _ => value.clone(),
        }
    }
}

/// Requires each property of an object, and allows no others unless the schema says itself what they are.
fn close(fields: &mut Map<String, Value>) {
    fields.entry("additionalProperties").or_insert(Value::Bool(false));
    let Some(Value::Object(properties)) = fields.get("properties") else {
        return;
    };
    let mut required: Vec<Value> = properties.keys().cloned().map(Value::String).collect();
    match fields.get("required") {
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
            let further: Vec<_> = names.iter().filter(|name| !required.contains(name)).cloned().collect();
            required.extend(further);
        }
        Some(_) => return,
        None => {}
    }
    fields.insert("required".to_owned(), Value::Array(required));
}

/// Whether at most one alternative can hold, because all require one property with a constant, each another one. The
/// strict mode takes `anyOf` and not `oneOf`.
fn exclude_each_other(alternatives: &Value, root: &Value) -> bool {
    let Some([first, rest @ ..]) = alternatives.as_array().map(Vec::as_slice) else {
        return false;
    };
    let tags = alone(first, root).get("properties").and_then(Value::as_object);
    !rest.is_empty()
        && tags.into_iter().flat_map(Map::keys).any(|tag| {
            let constants: Vec<_> = std::iter::once(first)
                .chain(rest)
                .map(|schema| constant(alone(schema, root), tag))
                .collect();
            let differs =
                |(place, value): (usize, &Option<&Value>)| value.is_some() && !constants[..place].contains(value);
            constants.iter().enumerate().all(differs)
        })
}

fn constant<'a>(schema: &'a Value, tag: &str) -> Option<&'a Value> {
    let required = schema.get("required")?.as_array()?;
    required
        .iter()
        .any(|name| name.as_str() == Some(tag))
        .then(|| schema.get("properties")?.get(tag)?.get("const"))?
}

/// The target of a schema that is a reference alone, else the schema.
fn alone<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    reference_alone(schema)
        .and_then(|reference| resolved(reference, root))
        .unwrap_or(schema)
}

fn reference_alone(schema: &Value) -> Option<&str> {
    let fields = schema.as_object().filter(|fields| fields.len() == 1)?;
    fields.get("$ref")?.as_str()
}

fn resolved<'a>(reference: &str, root: &'a Value) -> Option<&'a Value> {
    let target = |reference: &str| root.pointer(reference.strip_prefix('#')?);
    let mut found = target(reference)?;
    for _ in 0..LONGEST_CHAIN {
        match reference_alone(found) {
            Some(next) => found = target(next)?,
            None => return Some(found),
        }
    }
    None
}
