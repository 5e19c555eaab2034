//! Checks answers against the OpenAPI document.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use longwave::{EncoderStats, EventKind, HlsCounters, MountInfo, PipelineStats, ServerStats};
use longwave_testing::client::Answer;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi.json")).unwrap();
    serde_json::from_str(&text).expect("the document is JSON")
});

static SCHEMAS: LazyLock<Mutex<HashMap<String, &'static jsonschema::Validator>>> =
    LazyLock::new(Mutex::default);

pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Fails if the document does not allow this answer to this request.
pub fn judge(method: &str, target: &str, answer: &Answer) {
    let path = target.split('?').next().unwrap();
    let Some(operation) = operation(method, path) else {
        assert!(matches!(answer.status, 404 | 405 | 204), "{method} {target} is not described: {answer:?}");
        return;
    };
    let status = answer.status.to_string();
    let response = operation["responses"].get(&status).unwrap_or(&operation["responses"]["default"]);
    let response = match response["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.strip_prefix('#').unwrap()).expect(reference),
        None => response,
    };
    let Some(content) = response.get("content") else {
        assert_eq!(answer.body, "", "{method} {target}: {status} has no body");
        return;
    };
    if method == "HEAD" {
        return;
    }
    let kind = answer.header("content-type").unwrap_or_default();
    // The document may say a type with its parameters, or without.
    let described = content.get(kind).or_else(|| content.get(kind.split(';').next()?));
    let schema = &described.unwrap_or_else(|| panic!("{method} {target}: {status} as {kind:?}"))["schema"];
    if kind.contains("json") {
        let body: Value =
            serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        let errors: Vec<_> = validator(schema).iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{method} {target}: {errors:?} in {body:#}");
    }
}

/// Fails if the document does not allow these data for this event of a pipeline.
pub fn judge_event(name: &str, data: &Value) {
    let forms = DOCUMENT["components"]["schemas"]["Event"]["anyOf"].as_array().unwrap();
    let Some(form) = forms.iter().find(|form| form["title"] == name) else { return };
    let errors: Vec<_> = validator(form).iter_errors(data).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?} in {data:#}");
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get".into() } else { method.to_lowercase() };
    let fits = |pattern: &str| {
        let (mut wanted, mut there) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), there.next()) {
                (None, None) => return true,
                (Some("{mount}"), Some(_)) => return true,
                (Some(part), Some(_)) if part.starts_with('{') => {}
                (Some(part), Some(segment)) if part == segment => {}
                _ => return false,
            }
        }
    };
    let (_, item) = DOCUMENT["paths"].as_object().unwrap().iter().find(|(pattern, _)| fits(pattern))?;
    item.get(&method)
}

fn validator(schema: &Value) -> &'static jsonschema::Validator {
    let mut known = SCHEMAS.lock().unwrap();
    known.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        Box::leak(Box::new(jsonschema::draft202012::new(&whole).expect("a schema")))
    })
}

#[test]
fn every_counter_is_described_as_it_is_declared() {
    for (schema, counters) in [
        ("Server", ServerStats::COUNTERS),
        ("Mount", MountInfo::COUNTERS),
        ("Hls", HlsCounters::COUNTERS),
        ("PipelineStatistics", PipelineStats::COUNTERS),
        ("EncoderStatistics", EncoderStats::COUNTERS),
    ] {
        for counter in counters {
            let described = &DOCUMENT["components"]["schemas"][schema]["properties"][counter.name];
            let kind = if counter.unit == "microseconds" { "number" } else { "integer" };
            assert_eq!(described["type"], kind, "{schema}: {}", counter.name);
            assert_eq!(described["description"], counter.about, "{schema}: {}", counter.name);
        }
    }
}

/// The data of an event have its own fields and those that the stream adds.
#[test]
fn every_event_is_described_and_documented() {
    let forms = DOCUMENT["components"]["schemas"]["Event"]["anyOf"].as_array().unwrap();
    let described: Vec<_> = forms.iter().map(|form| form["title"].as_str().unwrap()).collect();
    let declared: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(described, declared);

    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md")).unwrap();
    for form in forms {
        let fields = form["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let fields: Vec<_> = fields.skip(2).map(|name| format!("`{name}`")).collect();
        let fields = if fields.is_empty() { String::new() } else { fields.join(", ") + " " };
        let row = format!("\n| `{}` | {fields}| ", form["title"].as_str().unwrap());
        assert!(guide.contains(&row), "docs/API.md has no row {row:?}");
    }
}

#[test]
fn every_schema_is_one() {
    for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
        validator(&json!({ "$ref": format!("#/components/schemas/{name}") }));
    }
}
