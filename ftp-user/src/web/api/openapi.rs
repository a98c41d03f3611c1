//! The description of the API, as OpenAPI 3.1. The paths, scopes and queries come from the table of routes.

use super::options::OPTIONS;
use super::{ROUTES, job};
use crate::queue::QueueState;
use crate::web::error::ErrorCode;
use crate::web::route::{Content, Method, Route};
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
        members.insert("requestBody".to_owned(), json!({"required": true, "content": content("NewJob")}));
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
    let answer = match route.content {
        Content::Json(name) => content(name),
        Content::Text(kind) => json!({kind: {"schema": {"type": "string"}}}),
    };
    let mut all = json!({200.to_string(): {"description": "the answer", "content": answer}});
    let Some(members) = all.as_object_mut() else { return all };
    if route.method == Method::Post && route.path == "/api/v1/jobs" {
        let made =
            json!({"description": "the job or the schedule was made", "content": content("JobOrSeries")});
        members.insert(201.to_string(), made);
    }
    let error = content("Error");
    for status in ErrorCode::all().map(ErrorCode::status).collect::<BTreeSet<_>>() {
        let names = ErrorCode::all().filter(|code| code.status() == status).map(ErrorCode::name);
        let names: Vec<_> = names.collect();
        members.insert(status.to_string(), json!({"description": names.join(", "), "content": error}));
    }
    all
}

/// A body of this schema.
fn content(name: &str) -> Value {
    json!({"application/json": {"schema": reference(name)}})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object that always has these members.
fn object(properties: &Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"type": "object", "required": names, "properties": properties})
}

/// An object with one list of objects of this schema.
fn list(name: &str, of: &str) -> Value {
    object(&json!({name: {"type": "array", "items": reference(of)}}))
}

/// The same for one slice of a longer list.
fn slice(name: &str, of: &str) -> Value {
    object(&json!({name: {"type": "array", "items": reference(of)}, "next": {"type": ["string", "null"]}}))
}

/// One of several schemas.
fn either(names: [&str; 2]) -> Value {
    json!({"anyOf": names.map(reference)})
}

fn schemas() -> Value {
    let [mut all, things] = [answers(), things()];
    if let (Value::Object(all), Value::Object(things)) = (&mut all, things) {
        all.extend(things);
    }
    all
}

/// The answers that are made of others, and what is asked for.
fn answers() -> Value {
    let text = || json!({"type": "string"});
    let maybe = || json!({"type": ["string", "null"]});
    let objects = |name: &str| object(&json!({name: {"type": "array", "items": {"type": "object"}}}));
    json!({
        "Error": object(&json!({"error": {"type": "object", "required": ["code", "message"], "properties": {
            "code": {"enum": ErrorCode::all().map(ErrorCode::name).collect::<Vec<_>>()}, "message": text(), "hint": text(),
        }}})),
        "NewJob": {
            "type": "object", "additionalProperties": false, "required": ["verb", "sources", "dest"],
            "properties": {
                "verb": {"enum": job::VERBS}, "sources": sources(), "dest": text(), "options": options(),
                "priority": priority(), "at": maybe(), "every": maybe(), "id": maybe(),
            },
        },
        "JobOrPlan": either(["Job", "Plan"]),
        "JobOrSeries": either(["Job", "Series"]),
        "Plan": objects("plan"),
        "Explanation": objects("why"),
        "Description": {"type": "object"},
        "JobList": slice("jobs", "Job"),
        "FileList": slice("files", "File"),
        "SiteList": list("sites", "Site"),
        "PairList": list("pairs", "Pair"),
        "WorkerList": list("workers", "Worker"),
        "SeriesList": list("series", "Series"),
    })
}

fn options() -> Value {
    let all: Map<String, Value> =
        OPTIONS.iter().map(|option| (option.name.to_owned(), option.schema())).collect();
    json!({"type": "object", "additionalProperties": false, "properties": all})
}

fn sources() -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "string"}})
}

fn priority() -> Value {
    json!({"type": "integer", "minimum": -10, "maximum": 10})
}

/// What there is in the store of a daemon.
fn things() -> Value {
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    let number = || json!({"type": "integer"});
    let maybe = |kind: &str| json!({"type": [kind, "null"]});
    let time = || json!({"type": "string", "format": "date-time"});
    let perhaps = || json!({"type": ["string", "null"], "format": "date-time"});
    let states = QueueState::ALL.map(QueueState::name);
    let last_states: Vec<Value> = states.iter().map(|state| json!(state)).chain([Value::Null]).collect();
    json!({
        "Job": object(&json!({
            "id": text(), "verb": {"enum": job::VERBS}, "sources": sources(), "dest": text(),
            "options": options(), "owner": text(), "priority": priority(), "series": maybe("string"),
            "state": {"enum": states}, "exit": maybe("integer"), "cause": maybe("string"),
            "created": time(), "started": perhaps(), "ended": perhaps(), "next_try": perhaps(),
            "worker": maybe("string"), "path": maybe("string"),
            "progress": object(&json!({
                "files": number(), "of": maybe("integer"), "bytes": number(),
                "total": maybe("integer"), "rate": maybe("integer"), "remaining": maybe("integer"),
            })),
        })),
        "File": object(&json!({
            "source": text(), "dest": text(), "state": {"enum": FileState::ALL.map(FileState::name)},
            "bytes": number(), "path": maybe("string"), "rung": maybe("string"),
            "verified": maybe("string"), "attempts": number(), "worker": maybe("string"),
            "cause": maybe("string"),
        })),
        "Site": object(&json!({"name": text(), "url": text(), "workers": texts()})),
        "Pair": object(&json!({
            "source": text(), "dest": text(), "path": maybe("string"), "rung": maybe("string"),
            "protection": maybe("string"), "rate": maybe("integer"), "seen": perhaps(),
            "cause": maybe("string"),
        })),
        "Worker": object(&json!({
            "name": text(), "id": text(), "version": text(), "parallel": number(), "jobs": texts(),
            "sites": texts(), "started": time(), "seen": time(), "alive": {"type": "boolean"}, "draining": {"type": "boolean"},
        })),
        "Series": object(&json!({
            "id": text(), "owner": text(), "every": text(), "zone": text(), "verb": {"enum": job::VERBS},
            "sources": sources(), "dest": text(), "paused": {"type": "boolean"}, "next": perhaps(),
            "last_job": maybe("string"), "last_state": {"enum": last_states}, "last": perhaps(),
        })),
    })
}
