//! The OpenAPI 3.1 document of a solution's services.

use fec_ir::Ir;
use fec_ir::ir::FlowPlan;
use fec_model::model::Plane;
use fec_model::types::{Column, Kind, Type};
use serde_json::{Map, Value, json};

/// Method and path of a service.
#[must_use]
pub fn route(flow: &FlowPlan) -> (&'static str, String) {
    match &flow.settings.route {
        Some((method, path)) => (if method == "GET" { "GET" } else { "POST" }, path.clone()),
        None => ("POST", format!("/{}", flow.name)),
    }
}

/// The OpenAPI 3.1 document of the services that `is_served` names by their paths: their types with their docs,
/// parameters and responses.
#[must_use]
pub fn openapi(ir: &Ir, is_served: impl Fn(&str) -> bool) -> Value {
    Document { ir }.all(is_served)
}

struct Document<'a> {
    ir: &'a Ir,
}

impl Document<'_> {
    fn all(&self, is_served: impl Fn(&str) -> bool) -> Value {
        let mut paths: Map<String, Value> = Map::new();
        let mut flows: Vec<&FlowPlan> =
            self.ir.flows.iter().filter(|flow| flow.plane == Plane::Online && is_served(&flow.path)).collect();
        flows.sort_by(|left, right| left.path.cmp(&right.path));
        for flow in flows {
            let (method, path) = route(flow);
            let part = |part: &str| match part.strip_prefix(':') {
                Some(name) => format!("{{{name}}}"),
                None => part.to_owned(),
            };
            let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
            let entry = paths.entry(path).or_insert_with(|| json!({}));
            if let Value::Object(methods) = entry {
                methods.insert(method.to_lowercase(), self.operation(flow));
            }
        }
        let mut schemas = Map::new();
        for (name, members) in &self.ir.enums {
            schemas.insert(name.to_string(), json!({ "type": "string", "enum": members }));
        }
        for (name, declared) in &self.ir.types {
            let fields: Vec<(&Column, &str)> =
                declared.fields.iter().map(|(column, docs)| (column, docs.as_str())).collect();
            schemas.insert(name.to_string(), described(self.record(&fields), &declared.docs));
        }
        // A name that no type can have: types begin with an upper-case letter.
        schemas.insert("error".to_owned(), error_schema());
        let mut info = json!({ "title": self.ir.name, "version": self.ir.version });
        if !self.ir.description.is_empty() {
            info = described(info, &self.ir.description);
        }
        json!({ "openapi": "3.1.0", "info": info, "paths": paths, "components": { "schemas": schemas } })
    }

    fn operation(&self, flow: &FlowPlan) -> Value {
        let (method, path) = route(flow);
        let is_in_path = |column: &Column| path.split('/').any(|part| part.strip_prefix(':') == Some(&column.name));
        let (text, own): (Vec<&Column>, Vec<&Column>) =
            flow.params.iter().map(|(column, _)| column).partition(|column| method == "GET" || is_in_path(column));
        let mut listed = Vec::new();
        for column in text {
            let in_path = is_in_path(column);
            listed.push(json!({
                "name": column.name,
                "in": if in_path { "path" } else { "query" },
                "required": in_path || !column.ty.optional,
                "schema": self.schema(&column.ty),
            }));
        }
        listed.push(json!({
            "name": "fec-time",
            "in": "header",
            "required": false,
            "description": "A later instant than now at which the request is answered.",
            "schema": { "type": "string", "format": "date-time" },
        }));
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), json!(flow.path));
        if let Some(engine) = &flow.engine {
            operation.insert("tags".to_owned(), json!([engine]));
        }
        if !flow.docs.is_empty() {
            operation.insert("description".to_owned(), json!(flow.docs));
        }
        operation.insert("parameters".to_owned(), json!(listed));
        if let Some((schema, required)) = self.body(&own) {
            let content = json!({ "application/json": { "schema": schema } });
            operation.insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
        }
        operation.insert("responses".to_owned(), self.responses(flow));
        Value::Object(operation)
    }

    /// The schema of a body with these parameters and whether it must be sent; nothing where there is none. A record that
    /// is the only parameter is the body itself.
    fn body(&self, own: &[&Column]) -> Option<(Value, bool)> {
        match own {
            [] => None,
            [only] if matches!(only.ty.kind, Kind::Record(_)) => match &only.ty.kind {
                Kind::Record(record) if record.fields.is_empty() => None,
                _ => Some((self.schema(&only.ty), !only.ty.optional)),
            },
            columns => {
                let fields: Vec<(&Column, &str)> = columns.iter().map(|column| (*column, "")).collect();
                Some((self.record(&fields), true))
            }
        }
    }

    fn responses(&self, flow: &FlowPlan) -> Value {
        let headers = json!({
            "fec-time": {
                "description": "The instant at which the request was answered.",
                "schema": { "type": "string", "format": "date-time" },
            },
            "fec-cut": { "description": "How far each partition had been applied.", "schema": { "type": "string" } },
        });
        let result = flow.result.as_ref().map_or_else(|| json!({}), |result| self.schema(result));
        let mut responses = Map::new();
        let answer = json!({
            "description": "The answer.",
            "headers": headers,
            "content": { "application/json": { "schema": result } },
        });
        responses.insert("200".to_owned(), answer);
        let mut error = |status: &str, description: &str| {
            let schema = json!({ "$ref": "#/components/schemas/error" });
            let content = json!({ "application/json": { "schema": schema } });
            responses.insert(status.to_owned(), json!({ "description": description, "content": content }));
        };
        error("400", "The request is not JSON.");
        error("422", "A field is missing or does not fit its type; the field is named.");
        error("500", "A value that the answer needs cannot be computed.");
        error("503", "The state that the answer needs cannot be read.");
        error("504", "There was no answer within the deadline.");
        Value::Object(responses)
    }

    fn record(&self, fields: &[(&Column, &str)]) -> Value {
        let mut properties = Map::new();
        for (column, docs) in fields {
            properties.insert(column.name.to_string(), described(self.schema(&column.ty), docs));
        }
        let required: Vec<&str> =
            fields.iter().filter(|(column, _)| !column.ty.optional).map(|(column, _)| column.name.as_str()).collect();
        json!({ "type": "object", "properties": properties, "required": required })
    }

    fn schema(&self, ty: &Type) -> Value {
        let schema = self.required(&ty.kind);
        if !ty.optional {
            return schema;
        }
        json!({ "anyOf": [schema, { "type": "null" }] })
    }

    fn required(&self, kind: &Kind) -> Value {
        match kind {
            Kind::Error | Kind::Null => json!({}),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Int => json!({ "type": "integer", "format": "int64" }),
            Kind::Float => json!({ "type": "number", "format": "double" }),
            Kind::Decimal { precision, scale } => {
                let text = format!(
                    "A decimal number of at most {precision} digits, {scale} of them after the point, as a number or a \
                     text; answers hold a text."
                );
                json!({ "type": ["string", "number"], "format": "decimal", "description": text })
            }
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Date => json!({ "type": "string", "format": "date" }),
            Kind::Timestamp => json!({ "type": "string", "format": "date-time" }),
            Kind::Duration => json!({ "type": "integer", "format": "int64", "description": "Microseconds." }),
            Kind::Enum(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            Kind::List(item) => json!({ "type": "array", "items": self.schema(item) }),
            Kind::Record(record) => {
                // A feature set's record has a name too, but is declared nowhere.
                let named = record.name.as_ref().and_then(|name| Some((name, self.ir.types.get(name)?)));
                if let Some((name, declared)) = named
                    && declared.fields.iter().map(|(column, _)| column).eq(&record.fields)
                {
                    return json!({ "$ref": format!("#/components/schemas/{name}") });
                }
                let fields: Vec<(&Column, &str)> = record.fields.iter().map(|column| (column, "")).collect();
                self.record(&fields)
            }
        }
    }
}

/// A schema with a description, where there is one.
fn described(mut schema: Value, docs: &str) -> Value {
    if let (Value::Object(fields), false) = (&mut schema, docs.is_empty()) {
        fields.insert("description".to_owned(), json!(docs));
    }
    schema
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "code": { "type": "string" },
            "field": { "type": "string", "description": "The field that is wrong." },
            "message": { "type": "string" },
        },
        "required": ["code", "message"],
    })
}
