//! Whether a value is what a schema of the description says: as much of JSON Schema as the description uses.

use serde_json::Value;

/// Checks a value. `schemas` are those that have names.
///
/// # Errors
///
/// Where it differs, and how.
pub(super) fn check(schema: &Value, schemas: &Value, value: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return check(&schemas[name], schemas, value).map_err(|why| format!("{name}: {why}"));
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(some) = schema[several].as_array() {
            let found: Vec<_> = some.iter().map(|one| check(one, schemas, value)).collect();
            return if found.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("{found:?}")) };
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) { Ok(()) } else { Err(format!("{value} is none of {values:?}")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    if kinds != kind && !kinds.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind)) {
        return Err(format!("{value} is not of type {kinds}"));
    }
    if schema["format"] == "date-time"
        && let Some(text) = value.as_str()
    {
        text.parse::<jiff::Timestamp>().map_err(|why| format!("{text}: {why}"))?;
    }
    if let Some(items) = value.as_array() {
        items.iter().try_for_each(|item| check(&schema["items"], schemas, item))?;
    }
    if let Some(members) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            members.get(name).ok_or_else(|| format!("{name} is missing"))?;
        }
        for (name, member) in members {
            let Some(of_member) = schema["properties"].get(name) else { continue };
            check(of_member, schemas, member).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    Ok(())
}
