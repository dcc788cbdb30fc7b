use serde_json::Value;

use crate::client::serve;

async fn document() -> Value {
    let served = serve();
    let document = served.get("/v1/openapi.json").send().await.json();
    served.stop().await;
    document
}

// Every object of the document, with its place.
fn walk(value: &Value, place: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(place, value);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, &format!("{place}/{name}"), visit));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| walk(item, &format!("{place}/{n}"), visit));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document().await;
    let mut count = 0;
    walk(&document, "", &mut |place, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place}: {reference}");
            count += 1;
        }
    });
    assert!(count > 50, "{count}");
}

#[tokio::test]
async fn every_operation_has_what_the_standard_wants() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let (mut ids, mut shapes) = (Vec::new(), Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        let names: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        // Two templates that differ only in names are the same path.
        shapes.push(
            path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/"),
        );
        for (method, operation) in item.as_object().unwrap() {
            assert!(["get", "post", "delete"].contains(&method.as_str()), "{path}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            assert!(operation["responses"].as_object().unwrap().contains_key("default"), "{path}");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            let declared: Vec<&str> = in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            assert_eq!(declared, names, "{method} {path}");
        }
    }
    for mut list in [ids, shapes] {
        list.sort();
        let count = list.len();
        list.dedup();
        assert_eq!(list.len(), count);
    }
}
