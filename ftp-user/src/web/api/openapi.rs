//! The description of the API, as OpenAPI 3.1. The paths, scopes and queries come from the table of routes.

use super::options::OPTIONS;
use super::{ROUTES, job};
use crate::queue::QueueState;
use crate::web::error::ErrorCode;
use crate::web::route::{Method, Route};
use crate::web::view::FileState;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The whole description.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.name().to_owned(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "ftp-user daemon", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters(route),
        "responses": responses(route),
        "security": match route.scope {
            None => json!([]),
            Some(_) => json!([{"token": []}]),
        },
    });
    let Some(members) = operation.as_object_mut() else { return operation };
    if let Some(scope) = route.scope {
        members.insert("description".to_owned(), json!(format!("Needs a token of scope {}.", scope.name())));
    }
    if route.method == Method::Post && route.path == "/api/v1/jobs" {
        let schema = json!({"application/json": {"schema": {"$ref": "#/components/schemas/NewJob"}}});
        members.insert("requestBody".to_owned(), json!({"required": true, "content": schema}));
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1").replace(['{', '}'], "");
    format!("{}{}", route.method.name(), path.replace(['/', '.'], "-"))
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut all = Vec::new();
    if route.path.contains("{id}") {
        all.push(json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    for key in route.query {
        let schema = match *key {
            "limit" => json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
            "dry-run" => json!({"type": "boolean", "default": false}),
            "state" if route.path.ends_with("/files") => json!({"enum": FileState::ALL.map(FileState::name)}),
            "state" => json!({
                "type": "string",
                "description": several_states(),
            }),
            _ => json!({"type": "string"}),
        };
        all.push(json!({"name": key, "in": "query", "schema": schema}));
    }
    if route.path.ends_with("/events") {
        all.push(json!({"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}}));
    }
    all
}

fn several_states() -> String {
    format!("several with commas: {}", QueueState::ALL.map(QueueState::name).join(", "))
}

fn responses(route: &Route) -> Value {
    let content = |schema: Value| json!({"application/json": {"schema": schema}});
    let text = |kind: &str| json!({kind: {"schema": {"type": "string"}}});
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let list = |name: &str, of: &str, has_next: bool| {
        let mut members = json!({name: {"type": "array", "items": reference(of)}});
        if let (true, Some(members)) = (has_next, members.as_object_mut()) {
            members.insert("next".to_owned(), json!({"type": ["string", "null"]}));
        }
        json!({"type": "object", "properties": members})
    };
    let last = route.path.rsplit('/').next().unwrap_or_default();
    let answer = match (route.method, last) {
        (_, "metrics" | "healthz") => text("text/plain"),
        (_, "events") => text("text/event-stream"),
        (_, "openapi.json") => content(json!({"type": "object"})),
        (Method::Get, "jobs") => content(list("jobs", "Job", true)),
        (_, "files") => content(list("files", "File", true)),
        (_, "why") => content(list("why", "Object", false)),
        (_, "sites" | "pairs" | "workers") => content(list(last, "Object", false)),
        (Method::Get, "series") => content(list("series", "Object", false)),
        (_, _) if route.path.starts_with("/api/v1/series/") => content(reference("Object")),
        (_, _) => content(reference("Job")),
    };
    let mut all = json!({200.to_string(): {"description": "the answer", "content": answer}});
    let Some(members) = all.as_object_mut() else { return all };
    if route.method == Method::Post && route.path == "/api/v1/jobs" {
        let made = json!({"description": "the job was made", "content": content(reference("Job"))});
        members.insert(201.to_string(), made);
    }
    let error = content(reference("Error"));
    for status in ErrorCode::ALL.map(ErrorCode::status).into_iter().collect::<BTreeSet<_>>() {
        let names = ErrorCode::ALL.into_iter().filter(|code| code.status() == status).map(ErrorCode::name);
        let names: Vec<_> = names.collect();
        members.insert(status.to_string(), json!({"description": names.join(", "), "content": error}));
    }
    all
}

fn schemas() -> Value {
    let text = || json!({"type": "string"});
    let maybe = |kind: &str| json!({"type": [kind, "null"]});
    let time = || json!({"type": ["string", "null"], "format": "date-time"});
    let options: Map<String, Value> =
        OPTIONS.iter().map(|option| (option.name.to_owned(), option.schema())).collect();
    let options = json!({"type": "object", "additionalProperties": false, "properties": options});
    let sources = json!({"type": "array", "minItems": 1, "maxItems": 1000, "items": text()});
    let priority = json!({"type": "integer", "minimum": -10, "maximum": 10});
    json!({
        "Object": {"type": "object"},
        "Error": {"type": "object", "properties": {"error": {"type": "object", "properties": {
            "code": {"enum": ErrorCode::ALL.map(ErrorCode::name)}, "message": text(), "hint": text(),
        }}}},
        "NewJob": {
            "type": "object", "additionalProperties": false, "required": ["verb", "sources", "dest"],
            "properties": {
                "verb": {"enum": job::VERBS}, "sources": sources, "dest": text(), "options": options,
                "priority": priority, "at": maybe("string"), "every": maybe("string"), "id": maybe("string"),
            },
        },
        "Job": {"type": "object", "properties": {
            "id": text(), "verb": {"enum": job::VERBS}, "sources": sources, "dest": text(),
            "options": options,
            "owner": text(), "priority": priority, "series": maybe("string"),
            "state": {"enum": QueueState::ALL.map(QueueState::name)}, "exit": maybe("integer"),
            "cause": maybe("string"), "created": time(), "started": time(), "ended": time(),
            "next_try": time(),
            "worker": maybe("string"), "path": maybe("string"),
            "progress": {"type": "object", "properties": {
                "files": {"type": "integer"}, "of": maybe("integer"), "bytes": {"type": "integer"},
                "total": maybe("integer"), "rate": maybe("integer"), "remaining": maybe("integer"),
            }},
        }},
        "File": {"type": "object", "properties": {
            "source": text(), "dest": text(), "state": {"enum": FileState::ALL.map(FileState::name)},
            "bytes": {"type": "integer"}, "path": maybe("string"), "rung": maybe("string"),
            "verified": maybe("string"), "attempts": {"type": "integer"}, "worker": maybe("string"),
            "cause": maybe("string"),
        }},
    })
}
