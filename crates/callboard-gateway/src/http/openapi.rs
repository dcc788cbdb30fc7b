//! `GET /v1/openapi.json`: an OpenAPI 3.1 document of what the actors here take and give.
//!
//! Every declared action has a path of its own with the schemas of its types; the general paths follow. It is made once, at the
//! start, because the catalogue never changes afterwards.

use std::sync::Arc;

use callboard_core::declaration::{Action, ActorKind};
use callboard_core::port::Catalogue;
use callboard_core::{Declaration, Encoding, TypeRef};
use callboard_wire::descriptors::Descriptors;
use callboard_wire::json::Schemas;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::{Call, Http};

mod general;

/// `GET /v1/openapi.json`.
pub(super) async fn get(http: Arc<Http>, _: Call) -> Answer {
    Ok(answer::body(answer::JSON, http.openapi.clone()))
}

/// The document.
pub(super) fn document(system: &str, descriptors: &Descriptors, catalogue: &Catalogue) -> Vec<u8> {
    let mut schemas = Schemas::new(descriptors);
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for declaration in catalogue {
        tags.push(json!({ "name": declaration.name.as_str(), "description": described(declaration) }));
        for action in &declaration.actions {
            paths.insert(path(declaration, action), json!({ "post": operation(&mut schemas, declaration, action) }));
        }
        paths.insert(state_path(declaration), state_operations(&mut schemas, declaration));
    }
    paths.extend(general::paths());
    let mut components = schemas.finish();
    components.extend(general::schemas());
    tags.extend(general::tags());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{system} on Callboard"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Actors with durable state, and topics on which they announce what happened.",
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": components,
            "parameters": general::parameters(),
            "responses": general::responses(),
        },
    });
    // A value with string keys can always be written.
    serde_json::to_vec(&document).unwrap_or_default()
}

fn described(declaration: &Declaration) -> String {
    let kind = match declaration.kind {
        ActorKind::Named => "one actor",
        ActorKind::Unnamed => "instances under names of their own",
    };
    match declaration.channels.iter().map(|channel| channel.pattern.as_str()).collect::<Vec<_>>().join(", ") {
        topics if topics.is_empty() => kind.to_owned(),
        topics => format!("{kind}; hears {topics}"),
    }
}

fn path(declaration: &Declaration, action: &Action) -> String {
    format!("{}/{}", state_path(declaration), segment(&action.name))
}

fn state_path(declaration: &Declaration) -> String {
    let actor = segment(&declaration.name);
    match declaration.kind {
        ActorKind::Named => format!("/v1/actors/{actor}"),
        ActorKind::Unnamed => format!("/v1/actors/{actor}/{{name}}"),
    }
}

// A name as a part of a path: braces would be read as a parameter.
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn name_parameter(declaration: &Declaration) -> Option<Value> {
    let unnamed = declaration.kind == ActorKind::Unnamed;
    unnamed.then(|| json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }))
}

fn operation(schemas: &mut Schemas<'_>, declaration: &Declaration, action: &Action) -> Value {
    let inputs = action.handlers.iter().map(|handler| handler.input.as_ref());
    let outputs = action.handlers.iter().map(|handler| handler.output.as_ref());
    let mut parameters: Vec<Value> = name_parameter(declaration).into_iter().collect();
    parameters.extend(general::invoke_parameters());
    let mut operation = json!({
        "operationId": format!("{}.{}", declaration.name, action.name),
        "summary": format!("{} of {}", action.name, declaration.name),
        "tags": [declaration.name.as_str()],
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "What the action gave. What it decided is committed.",
                "headers": { "Callboard-Revision": { "schema": { "type": "integer" } } },
                "content": content(schemas, outputs),
            },
            "202": { "$ref": "#/components/responses/Accepted" },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    if !action.handlers.is_empty() {
        operation["requestBody"] = json!({ "content": content(schemas, inputs) });
    }
    operation
}

// The forms of a payload of one of these types; `None` is any type.
fn content<'a>(schemas: &mut Schemas<'_>, types: impl Iterator<Item = Option<&'a TypeRef>>) -> Value {
    let mut any = false;
    let mut protobuf = false;
    let mut forms: Vec<Value> = Vec::new();
    let mut count = 0;
    for one in types {
        count += 1;
        let Some(wanted) = one else {
            any = true;
            continue;
        };
        protobuf |= wanted.encoding == Encoding::Protobuf;
        let schema = schemas.of(wanted);
        if !forms.contains(&schema) {
            forms.push(schema);
        }
    }
    let schema = match (forms.len(), any || count == 0) {
        (1, false) => forms.swap_remove(0),
        (0, _) | (_, true) => json!({}),
        (_, false) => json!({ "anyOf": forms }),
    };
    let mut content = json!({ "application/json": { "schema": schema } });
    if protobuf {
        content["application/protobuf"] = json!({ "schema": { "type": "string", "format": "binary" } });
    }
    content
}

fn state_operations(schemas: &mut Schemas<'_>, declaration: &Declaration) -> Value {
    let none = json!({ "type": "null" });
    let state = match &declaration.state {
        Some(state) => json!({ "anyOf": [schemas.of(state), none] }),
        None => none,
    };
    let parameters: Vec<Value> = name_parameter(declaration).into_iter().collect();
    let mut get_parameters = parameters.clone();
    get_parameters.extend(general::state_parameters());
    json!({
        "get": {
            "operationId": format!("{}.$state", declaration.name),
            "summary": format!("The state of {}", declaration.name),
            "tags": [declaration.name.as_str()],
            "parameters": get_parameters,
            "responses": {
                "200": {
                    "description": "The state. Nothing of the actor's code runs.",
                    "headers": { "ETag": { "schema": { "type": "string" } } },
                    "content": { "application/json": { "schema": {
                        "allOf": [
                            { "$ref": "#/components/schemas/State" },
                            { "type": "object", "properties": { "state": state } },
                        ],
                    } } },
                },
                "default": { "$ref": "#/components/responses/Problem" },
            },
        },
        "delete": {
            "operationId": format!("{}.$delete", declaration.name),
            "summary": format!("Remove everything stored of {}", declaration.name),
            "tags": [declaration.name.as_str()],
            "parameters": parameters,
            "responses": {
                "204": { "description": "It is removed." },
                "default": { "$ref": "#/components/responses/Problem" },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use callboard_core::declaration::{Channel, Handler};
    use callboard_core::{Encoding, Name, Pattern};

    use super::*;

    const PROTO: &str = r#"
        syntax = "proto3";
        package shop.v1;
        import "google/protobuf/timestamp.proto";
        message NewOrder { string order_id = 1; int64 cents = 2; repeated Item items = 3; }
        message Item { string sku = 1; uint32 quantity = 2; }
        enum Status { STATUS_UNSPECIFIED = 0; STATUS_PAID = 1; }
        message Order {
            string order_id = 1;
            Status status = 2;
            google.protobuf.Timestamp created_at = 3;
            map<string, Item> by_sku = 4;
            Order replaces = 5;
            bytes seal = 6;
        }
    "#;

    fn descriptors() -> Descriptors {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.proto"), PROTO).unwrap();
        let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
        compiler.include_imports(true).open_file("shop.proto").unwrap();
        Descriptors::new([bytes::Bytes::from(compiler.encode_file_descriptor_set())]).unwrap()
    }

    fn catalogue() -> Catalogue {
        let protobuf = |name: &'static str| TypeRef { name: Name::from_static(name), encoding: Encoding::Protobuf };
        let json = TypeRef { name: "shop.Note".into(), encoding: Encoding::Json };
        let action = |name: &'static str, handlers: Vec<(Option<TypeRef>, Option<TypeRef>)>| Action {
            name: name.into(),
            handlers: handlers.into_iter().map(|(input, output)| Handler { input, output }).collect(),
            timer: None,
        };
        let order = || Some(protobuf("shop.v1.Order"));
        let mut clerk = Declaration::new("order_processor");
        clerk.state = order();
        clerk.channels = vec![Channel {
            pattern: Pattern::parse("order.>").unwrap(),
            action: "hear".into(),
            on_failure: callboard_core::declaration::FailurePolicy::Park,
        }];
        clerk.actions = vec![
            action("create_order", vec![(Some(protobuf("shop.v1.NewOrder")), order())]),
            action("hear", vec![(order(), None), (Some(json), None)]),
        ];
        let mut cart = Declaration::new("the {cart}");
        cart.kind = ActorKind::Unnamed;
        cart.actions = vec![action("add", vec![(None, None)])];
        vec![Arc::new(clerk), Arc::new(cart)]
    }

    #[test]
    fn the_actors_of_a_small_shop_are_described() {
        let text = document("shop", &descriptors(), &catalogue());
        let mut document: Value = serde_json::from_slice(&text).unwrap();
        // The rest is the same for every system.
        let general = general::paths();
        document["info"]["version"] = "any".into();
        document["paths"].as_object_mut().unwrap().retain(|path, _| !general.contains_key(path));
        document["components"]["schemas"].as_object_mut().unwrap().retain(|name, _| name.starts_with("shop."));
        for shared in ["parameters", "responses"] {
            document["components"].as_object_mut().unwrap().remove(shared);
        }
        insta::assert_json_snapshot!(document);
    }
}
