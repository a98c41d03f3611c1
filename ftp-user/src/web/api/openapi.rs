//! The description of the API, as OpenAPI 3.1. The paths, scopes and queries come from the table of routes.

use super::ROUTES;
use super::options::OPTIONS;
use crate::queue::FileState;
use crate::queue::QueueState;
use crate::web::error::ErrorCode;
use crate::web::route::{Content, Method, Route};
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
        let mut id = json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}});
        if let Some(members) = id.as_object_mut().filter(|_| route.path.contains("/jobs/")) {
            members.insert("description".to_owned(), json!(CALLED));
        }
        all.push(id);
    }
    for key in route.query {
        let schema = match *key {
            "limit" => json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
            "dry-run" => json!({"type": "boolean", "default": false}),
            "state" if route.path.ends_with("/files") => json!({"enum": FileState::ALL.map(FileState::name)}),
            "state" => {
                let states = QueueState::ALL.map(QueueState::name).join(", ");
                json!({"type": "string", "description": format!("several with commas: {states}")})
            }
            _ => json!({"type": "string"}),
        };
        all.push(json!({"name": key, "in": "query", "schema": schema}));
    }
    if route.path.ends_with("/events") {
        all.push(json!({"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}}));
    }
    all
}

/// What stands for a job in a path.
const CALLED: &str = "the id of a job, its name, or last; jobs of the caller go before those of others";

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
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}})
}

/// What requests and answers look like. The options come from their table.
fn schemas() -> Value {
    let mut schemas: Value = serde_json::from_str(include_str!("schemas.json")).unwrap_or_default();
    let options: Map<String, Value> =
        OPTIONS.iter().map(|option| (option.name.to_owned(), option.schema())).collect();
    let options = json!({"type": "object", "additionalProperties": false, "properties": options});
    for place in ["/NewJob/properties/options", "/Job/properties/options"] {
        if let Some(of_job) = schemas.pointer_mut(place) {
            of_job.clone_from(&options);
        }
    }
    schemas
}
