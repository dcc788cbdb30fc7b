//! The part of the document that is the same for every system: the general paths, and what they share.

use serde_json::{Map, Value, json};

const ACTORS: &str = "$actors";
const TOPICS: &str = "$topics";
const SYSTEM: &str = "$system";

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

pub(super) fn tags() -> Vec<Value> {
    vec![
        json!({ "name": ACTORS, "description": "Any actor" }),
        json!({ "name": TOPICS, "description": "Publish and follow" }),
        json!({ "name": SYSTEM, "description": "What operators ask" }),
    ]
}

fn reference(parameter: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{parameter}") })
}

pub(super) fn invoke_parameters() -> Vec<Value> {
    ["Type", "IdempotencyKey", "Deadline", "Prefer", "Traceparent"].map(reference).into()
}

pub(super) fn state_parameters() -> Vec<Value> {
    ["Revision", "Time"].map(reference).into()
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn header(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } })
}

fn path(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": { "type": "string" } })
}

pub(super) fn parameters() -> Value {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0 }));
    json!({
        "Type": query("type", "The payload's type, where several are possible", &text),
        "Revision": query("revision", "The state at this revision", &number),
        "Time": query("time", "The state at this time: RFC 3339, or milliseconds since 1970", &text),
        "After": query("after", "Where the page begins: `next` of the page before", &text),
        "Limit": query("limit", "Rows on a page: 100, at most 1000", &json!({ "type": "integer", "minimum": 1 })),
        "IdempotencyKey": header("Idempotency-Key", "The same key and payload get the recorded response (24 h)"),
        "Deadline": header("Callboard-Deadline", "How long the caller waits: seconds, or e.g. 500ms; 60 s without it"),
        "Prefer": header("Prefer", "`respond-async`: answer as soon as the call is committed to happen"),
        "Traceparent": header("traceparent", "W3C trace context"),
    })
}

pub(super) fn responses() -> Value {
    let of = |schema: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } });
    json!({
        "Problem": {
            "description": "What is wrong and what to do (RFC 9457).",
            "content": { "application/problem+json": of("Problem") },
        },
        "Accepted": {
            "description": "The call is committed and will be tried until it succeeds or is set aside.",
            "content": { "application/json": { "schema": {
                "type": "object", "properties": { "id": { "type": "string", "format": "uuid" } }, "required": ["id"],
            } } },
        },
    })
}

fn problem() -> Value {
    let codes: Vec<&str> = callboard_core::Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "retry", "blame"],
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "code": { "type": "string", "enum": codes },
            "retry": { "type": "string", "enum": ["never", "safe", "may_repeat"] },
            "blame": { "type": "string", "enum": ["caller", "actor", "platform"] },
            "line": { "type": "integer" },
            "column": { "type": "integer" },
            "traceId": { "type": "string" },
        },
    })
}

pub(super) fn schemas() -> Map<String, Value> {
    let time = json!({ "type": "string", "format": "date-time" });
    let position = json!({ "type": "string", "examples": ["1-42"] });
    object(json!({
        "Problem": problem(),
        "State": {
            "type": "object",
            "required": ["id", "revision", "phase", "tags", "state"],
            "properties": {
                "id": { "type": "string" },
                "revision": { "type": "integer" },
                "phase": { "type": "string", "enum": ["active", "passive"] },
                "time": { "type": ["string", "null"], "format": "date-time" },
                "tags": { "type": "object", "additionalProperties": { "type": "string" } },
                "type": { "type": ["string", "null"] },
                "state": {},
            },
        },
        "Publication": {
            "type": "object",
            "required": ["topic", "position", "cursor", "id", "time", "type", "payload"],
            "properties": {
                "topic": { "type": "string" },
                "position": position,
                "cursor": { "type": "string", "description": "With it a subscription is taken up again" },
                "id": { "type": "string", "format": "uuid" },
                "time": time,
                "publisher": { "type": "string" },
                "headers": { "type": "object", "additionalProperties": { "type": "string" } },
                "traceparent": { "type": "string" },
                "type": { "type": "string" },
                "payload": {},
            },
        },
        "Published": {
            "type": "object",
            "required": ["id", "topic", "position"],
            "properties": {
                "id": { "type": "string", "format": "uuid" }, "topic": { "type": "string" }, "position": position,
            },
        },
        "ParkedSubscription": {
            "type": "object",
            "required": ["subscription", "topic"],
            "properties": {
                "subscription": {
                    "type": "object",
                    "required": ["pattern"],
                    "properties": {
                        "actor": { "type": "string" },
                        "external": { "type": "string" },
                        "pattern": { "type": "string" },
                    },
                },
                "topic": { "type": "string" },
            },
        },
    }))
}

struct Operation {
    id: &'static str,
    summary: &'static str,
    tag: &'static str,
    parameters: Vec<Value>,
}

impl Operation {
    fn answering(self, status: &str, response: &Value) -> Value {
        json!({
            "operationId": format!("{}.{}", self.tag, self.id),
            "summary": self.summary,
            "tags": [self.tag],
            "parameters": self.parameters,
            "responses": { status: response, "default": { "$ref": "#/components/responses/Problem" } },
        })
    }

    fn json(self, schema: &Value) -> Value {
        let media = json!({ "application/json": { "schema": schema } });
        self.answering("200", &json!({ "description": "The answer", "content": media }))
    }

    fn done(self) -> Value {
        self.answering("204", &json!({ "description": "Done" }))
    }
}

fn operation(tag: &'static str, id: &'static str, summary: &'static str, parameters: Vec<Value>) -> Operation {
    Operation { id, summary, tag, parameters }
}

fn with_body(mut operation: Value, schema: &Value) -> Value {
    operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    operation
}

pub(super) fn paths() -> Map<String, Value> {
    let mut paths = actor_paths();
    paths.extend(topic_paths());
    paths.extend(system_paths());
    paths
}

fn actor_paths() -> Map<String, Value> {
    let any = json!({});
    let state = json!({ "$ref": "#/components/schemas/State" });
    let actor = || path("actor", "A declared actor");
    let rest = || path("rest", "POST: an action of the actor; otherwise: an instance of it");
    let mut invoke = vec![actor(), rest()];
    invoke.extend(invoke_parameters());
    let mut invoke_instance = vec![actor(), path("name", "An instance"), path("action", "An action")];
    invoke_instance.extend(invoke_parameters());
    let states = |mut parameters: Vec<Value>| {
        parameters.extend(state_parameters());
        parameters
    };
    let list = vec![
        query("declared", "Only this actor and its instances", &json!({ "type": "string" })),
        query("prefix", "Only ids that start so", &json!({ "type": "string" })),
        reference("After"),
        reference("Limit"),
    ];
    object(json!({
        "/v1/actors": { "get": operation(ACTORS, "list", "Stored actors, by id", list).json(&json!({ "type": "object" })) },
        "/v1/actors/{actor}": {
            "get": operation(ACTORS, "state", "The state of an actor", states(vec![actor()])).json(&state),
            "delete": operation(ACTORS, "delete", "Remove everything stored of an actor", vec![actor()]).done(),
        },
        "/v1/actors/{actor}/{rest}": {
            "post": with_body(operation(ACTORS, "invoke", "Invoke an action of a named actor", invoke).json(&any), &any),
            "get": operation(ACTORS, "instanceState", "The state of an instance", states(vec![actor(), rest()])).json(&state),
            "delete":
                operation(ACTORS, "deleteInstance", "Remove everything stored of an instance", vec![actor(), rest()]).done(),
        },
        "/v1/actors/{actor}/{name}/{action}": {
            "post": with_body(
                operation(ACTORS, "invokeInstance", "Invoke an action of an instance", invoke_instance).json(&any),
                &any,
            ),
        },
    }))
}

fn topic_paths() -> Map<String, Value> {
    let published = json!({ "$ref": "#/components/schemas/Published" });
    let batch = json!({ "type": "array", "items": {
        "type": "object",
        "required": ["topic"],
        "properties": {
            "topic": { "type": "string" },
            "type": { "type": "string" },
            "payload": {},
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    } });
    let all = json!({ "type": "object", "properties": { "publications": { "type": "array", "items": published } } });
    let text = json!({ "type": "string" });
    let list = vec![query("pattern", "Only topics of this pattern", &text), reference("After"), reference("Limit")];
    let follow = vec![
        path("topic", "A topic, or a pattern: `*` is one token, `>` (write %3E) the rest"),
        query("from", "live, beginning, a time, a position (1-42) or a cursor", &text),
        query("limit", "End after so many publications", &json!({ "type": "integer", "minimum": 0 })),
        query("follow", "false: history, then the end", &json!({ "type": "boolean" })),
        header("Last-Event-ID", "The last cursor seen; it goes before `from`"),
    ];
    let stream = json!({
        "description": "Publications as they come: one JSON object per line, or server-sent events. Other things that happen \
                        are named `caught-up`, `gap` and `problem`.",
        "content": {
            "application/x-ndjson": { "schema": { "$ref": "#/components/schemas/Publication" } },
            "text/event-stream": { "schema": { "type": "string" } },
        },
    });
    let publish = operation(TOPICS, "publish", "Publish", vec![path("topic", "Where"), reference("Type")]);
    object(json!({
        "/v1/topics": {
            "get": operation(TOPICS, "list", "Durable topics, by name", list).json(&json!({ "type": "object" })),
            "post": with_body(operation(TOPICS, "publishBatch", "Publish, all or none", vec![]).json(&all), &batch),
        },
        "/v1/topics/{topic}": {
            "post": with_body(publish.json(&published), &json!({})),
            "get": operation(TOPICS, "follow", "Follow the topics of a pattern", follow).answering("200", &stream),
        },
    }))
}

fn system_paths() -> Map<String, Value> {
    let any = json!({ "type": "object" });
    let parked = json!({ "$ref": "#/components/schemas/ParkedSubscription" });
    let id = || vec![path("id", "A dead letter's id")];
    let pages = || vec![reference("After"), reference("Limit")];
    let timers = vec![query("actor", "Only this actor's", &json!({ "type": "string" })), reference("Limit")];
    let explain = vec![path("topic", "A topic")];
    object(json!({
        "/v1/system/explain/{topic}": {
            "get": operation(SYSTEM, "explain", "Who would hear a topic", explain).json(&any),
        },
        "/v1/system/dead-letters": {
            "get": operation(SYSTEM, "deadLetters", "What was set aside, oldest first", pages()).json(&any),
        },
        "/v1/system/dead-letters/{id}": {
            "delete": operation(SYSTEM, "dropDeadLetter", "Drop a dead letter", id()).done(),
        },
        "/v1/system/dead-letters/{id}/retry": {
            "post": operation(SYSTEM, "retryDeadLetter", "Send a dead letter once more", id()).done(),
        },
        "/v1/system/parked": { "get": operation(SYSTEM, "parked", "Subscriptions that stopped", vec![]).json(&any) },
        "/v1/system/parked/retry": {
            "post": with_body(operation(SYSTEM, "retryParked", "Go on where it stopped", vec![]).done(), &parked),
        },
        "/v1/system/parked/skip": {
            "post": with_body(operation(SYSTEM, "skipParked", "Go on behind where it stopped", vec![]).done(), &parked),
        },
        "/v1/system/timers": { "get": operation(SYSTEM, "timers", "Timers by due time", timers).json(&any) },
        "/v1/system/catalogue": { "get": operation(SYSTEM, "catalogue", "The declared actors", vec![]).json(&any) },
        "/health/liveness": { "get": operation(SYSTEM, "liveness", "The process answers", vec![]).json(&any) },
        "/health/readiness": { "get": operation(SYSTEM, "readiness", "The node takes work", vec![]).json(&any) },
    }))
}
