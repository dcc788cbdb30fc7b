//! `GET /v1/openapi.json`: an OpenAPI 3.1 document of what the actors here take and give.
//!
//! Every declared action has a path of its own with the schemas of its types; the general paths follow. It is made once, at the
//! start, because the catalogue never changes afterwards.

use std::sync::Arc;

use callboard_core::declaration::{Action, ActorKind};
use callboard_core::port::Catalogue;
use callboard_core::{Declaration, Encoding, TypeRef};
use callboard_wire::json::Schemas;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::{Call, Http};
use crate::doors::Doors;

mod general;

/// `GET /v1/openapi.json`.
pub(super) async fn get(http: Arc<Http>, _: Call) -> Answer {
    Ok(answer::body(answer::JSON, http.openapi.clone()))
}

/// The document.
pub(super) fn document(doors: &Doors, catalogue: &Catalogue) -> Vec<u8> {
    let mut schemas = Schemas::new(&doors.descriptors);
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
            "title": format!("{} on Callboard", doors.system),
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
    let state = declaration.state.as_ref().map_or_else(|| json!({ "type": "null" }), |state| schemas.of(state));
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
                            { "type": "object", "properties": { "state": { "anyOf": [state, { "type": "null" }] } } },
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
