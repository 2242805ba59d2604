//! The OpenAPI document, as it is served: a change of the API shows here.

use serde_json::Value;

#[test]
fn the_openapi_document_is_as_reviewed() {
    let document: Value = serde_json::from_str(holdfast::http::document()).unwrap();
    insta::assert_json_snapshot!("openapi", document);
}

/// A release serves the reviewed document, and not what its handlers say.
#[test]
fn what_a_release_serves_is_what_the_handlers_describe() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let (packed, described) = (holdfast::http::packed_document(), holdfast::http::described_document());
    assert!(read(&packed) == read(&described), "assets/built/openapi.json.gz is out of date: run make assets");
}

#[test]
fn every_operation_has_an_id_of_its_own_and_every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(holdfast::http::document()).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} twice");
        }
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference.clone());
            }
            fields.values().for_each(|v| collect(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| collect(v, found)),
        _ => {}
    }
}

/// The route table is read as text: a route without documentation would never be asked by any other test.
#[test]
fn every_route_of_the_table_is_in_the_document() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/mod.rs");
    let table = std::fs::read_to_string(table).unwrap();
    let document: Value = serde_json::from_str(holdfast::http::document()).unwrap();
    let mut routes = std::collections::HashSet::new();
    for part in table.split("at(\"").skip(1) {
        let path = part.split('"').next().unwrap();
        let methods = part.split("at(\"").next().unwrap().split("done()").next().unwrap();
        let methods = methods.split("only(").next().unwrap();
        let item = ["", "/api/v1"].iter().find_map(|prefix| document["paths"].get(format!("{prefix}{path}")));
        let item = item.unwrap_or_else(|| panic!("{path} is not in the document"));
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.contains(&format!(".{method}(")) {
                assert!(item.get(method).is_some(), "{method} {path} is not in the document");
                routes.insert((path.to_owned(), method));
            }
        }
    }
    let documented: usize = document["paths"].as_object().unwrap().values().map(|i| i.as_object().unwrap().len()).sum();
    assert_eq!(routes.len(), documented, "as many routes as documented operations");
}
