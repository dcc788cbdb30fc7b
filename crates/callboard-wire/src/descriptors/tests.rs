use super::*;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use serde_json::json;

const SHOP: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/any.proto";
    import "google/protobuf/timestamp.proto";
    message OrderData {
      string order_id = 1;
      double amount = 2;
      repeated Item items = 3;
      google.protobuf.Timestamp created_at = 4;
      google.protobuf.Any extra = 5;
      int64 cents = 6;
      bytes proof = 7;
      Status status = 8;
      map<string, Item> by_name = 9;
    }
    message Item { string sku = 1; int32 quantity = 2; }
    enum Status { STATUS_UNSPECIFIED = 0; STATUS_PAID = 1; }
    message Tree { Tree child = 1; }
    message Box { google.protobuf.Any content = 1; }
"#;

struct Source(&'static str, &'static str);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == self.0 { File::from_source(name, self.1) } else { Err(protox::Error::file_not_found(name)) }
    }
}

fn compile(name: &'static str, source: &'static str) -> Bytes {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Source(name, source));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file(name).unwrap();
    compiler.encode_file_descriptor_set().into()
}

fn shop() -> Descriptors {
    Descriptors::new([compile("shop/v1/shop.proto", SHOP)]).unwrap()
}

fn protobuf(name: &'static str) -> TypeRef {
    TypeRef { name: name.into(), encoding: Encoding::Protobuf }
}

fn message(error: Result<impl std::fmt::Debug, Error>, code: Code) -> String {
    let error = error.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error.message().to_owned()
}

#[test]
fn json_becomes_the_declared_message_and_comes_back() {
    let shop = shop();
    let order = json!({
        "orderId": "ord_1", "amount": 10.5, "items": [{ "sku": "a", "quantity": 2 }],
        "createdAt": "2026-11-20T10:00:00Z", "cents": "9007199254740993", "proof": "AQI=", "status": "STATUS_PAID",
        "byName": { "a": { "sku": "a", "quantity": 1 } },
        "extra": { "@type": "type.googleapis.com/shop.v1.Item", "sku": "b", "quantity": 1 },
    });
    let payload = shop.from_json(&protobuf("shop.v1.OrderData"), &order).unwrap();
    assert_eq!((payload.type_name().as_str(), payload.encoding()), ("shop.v1.OrderData", Encoding::Protobuf));
    assert_eq!(shop.to_json(&payload).unwrap(), order);
    // Field names as in the .proto file and plain numbers are taken as well.
    let snake = json!({ "@type": "shop.v1.OrderData", "order_id": "ord_1", "cents": 5, "status": 1 });
    let payload = shop.from_json(&protobuf("shop.v1.OrderData"), &snake).unwrap();
    let json = shop.to_json(&payload).unwrap();
    assert_eq!(
        (&json["orderId"], &json["cents"], &json["status"]),
        (&json!("ord_1"), &json!("5"), &json!("STATUS_PAID"))
    );
    // What is zero is said, so that readers need not know the defaults.
    assert_eq!(json["amount"], json!(0.0));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let shop = shop();
    let order = |json| message(shop.from_json(&protobuf("shop.v1.OrderData"), &json), Code::InvalidPayload);
    let text = order(json!({ "items": [{ "sku": "a", "quantity": 1 }, { "sku": "b", "quantity": "many" }] }));
    assert!(text.contains("items[1].quantity") && text.contains("shop.v1.OrderData"), "{text}");
    let text = order(json!({ "orderIdd": "x" }));
    assert!(text.contains("orderIdd") && text.contains("its fields are orderId, amount"), "{text}");
    assert!(order(json!({ "amount": [] })).contains("amount"));
    assert!(order(json!({ "createdAt": "yesterday" })).contains("createdAt"));
    assert!(order(json!("text")).contains("shop.v1.OrderData"));
    assert!(order(json!({ "x".repeat(100_000): 1 })).len() < 1000, "errors repeat little of what came");
}

#[test]
fn types_that_nobody_registered_stay_readable() {
    let shop = shop();
    let unknown = Payload::new("other.Thing", Encoding::Protobuf, vec![1, 2]);
    let json = json!({ "@type": "type.googleapis.com/other.Thing", "value": "AQI=" });
    assert_eq!(shop.to_json(&unknown).unwrap(), json);
    assert_eq!(shop.from_json(&protobuf("other.Thing"), &json).unwrap(), unknown);
    let text = message(shop.from_json(&protobuf("other.Thing"), &json!({ "a": 1 })), Code::InvalidPayload);
    assert!(text.contains("other.Thing") && text.contains("register"), "{text}");
    let any = json!({ "content": { "@type": "type.googleapis.com/shop.v1.Item", "sku": "a" } });
    let boxed = shop.from_json(&protobuf("shop.v1.Box"), &any).unwrap();
    let elsewhere = Descriptors::new([compile("box.proto", BOX)]).unwrap();
    assert_eq!(elsewhere.to_json(&boxed).unwrap()["@type"], "type.googleapis.com/shop.v1.Box");
}

const BOX: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/any.proto";
    message Box { google.protobuf.Any content = 1; }
"#;

#[test]
fn json_and_bytes_pass_as_they_are() {
    let shop = shop();
    let json = TypeRef { name: "my.Order".into(), encoding: Encoding::Json };
    let payload = shop.from_json(&json, &json!({ "@type": "my.Order", "n": 18_446_744_073_709_551_615_u64 })).unwrap();
    assert_eq!(payload.bytes(), br#"{"n":18446744073709551615}"#);
    assert_eq!(shop.to_json(&payload).unwrap(), json!({ "n": 18_446_744_073_709_551_615_u64 }));
    let bytes = TypeRef { name: "blob".into(), encoding: Encoding::Bytes };
    let payload = shop.from_json(&bytes, &json!("AQI=")).unwrap();
    assert_eq!((payload.bytes(), shop.to_json(&payload).unwrap()), ([1, 2].as_slice(), json!("AQI=")));
    assert!(message(shop.from_json(&bytes, &json!("*")), Code::InvalidPayload).contains("base64"));
    let broken = Payload::new("my.Order", Encoding::Json, "{");
    message(shop.to_json(&broken), Code::InvalidPayload);
}

#[test]
fn well_known_types_need_no_registration() {
    let none = Descriptors::new([]).unwrap();
    let duration = none.from_json(&protobuf("google.protobuf.Duration"), &json!("1.500s")).unwrap();
    assert_eq!(none.to_json(&duration).unwrap(), json!("1.500s"));
    let with_type = json!({ "@type": "type.googleapis.com/google.protobuf.Duration", "value": "1.500s" });
    assert_eq!(none.from_json(&protobuf("google.protobuf.Duration"), &with_type).unwrap(), duration);
    assert_eq!(none.to_json(&Payload::empty()).unwrap(), json!({}));
    assert!(none.knows("callboard.v1.InvokeRequest"), "and so does the API itself");
}

#[test]
fn a_hostile_depth_is_refused_and_exhausts_nothing() {
    let shop = shop();
    let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "child": inner }));
    assert!(shop.from_json(&protobuf("shop.v1.Tree"), &nested(JSON_DEPTH_MAX - 1)).is_ok());
    let text = message(shop.from_json(&protobuf("shop.v1.Tree"), &nested(JSON_DEPTH_MAX)), Code::InvalidPayload);
    assert!(text.contains("levels deep"), "{text}");
    // On the wire: a message in a message, and an Any in an Any, each 10,000 levels deep.
    let grow = |levels: usize, wrap: &dyn Fn(Vec<u8>) -> Vec<u8>| (0..levels).fold(Vec::new(), |inner, _| wrap(inner));
    let field = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend_from_slice(content);
        bytes
    };
    let tree = grow(10_000, &|inner| field(1, &inner));
    message(shop.to_json(&Payload::new("shop.v1.Tree", Encoding::Protobuf, tree)), Code::InvalidPayload);
    let any = |inner: Vec<u8>| [field(1, b"x/google.protobuf.Any"), field(2, &inner)].concat();
    let anys = grow(10_000, &any);
    let text =
        message(shop.to_json(&Payload::new("google.protobuf.Any", Encoding::Protobuf, anys)), Code::InvalidPayload);
    assert!(text.contains("levels deep"), "{text}");
    let boxes = grow(10_000, &|inner| field(1, &[field(1, b"x/shop.v1.Box"), field(2, &inner)].concat()));
    message(shop.to_json(&Payload::new("shop.v1.Box", Encoding::Protobuf, boxes)), Code::InvalidPayload);
}

#[test]
fn an_action_with_several_types_asks_which() {
    let shop = shop();
    let handler = |input: Option<TypeRef>| Handler { input, output: None };
    let one = [handler(Some(protobuf("shop.v1.OrderData")))];
    let two = [handler(Some(protobuf("shop.v1.OrderData"))), handler(Some(protobuf("shop.v1.Item")))];
    let rest = [handler(Some(protobuf("shop.v1.OrderData"))), handler(None)];
    let any = [handler(None)];
    let chosen = |handlers: &[Handler], explicit, json| shop.choose(handlers, explicit, &json).unwrap();
    assert_eq!(chosen(&one, None, json!({})), protobuf("shop.v1.OrderData"));
    assert_eq!(chosen(&two, Some("shop.v1.Item"), json!({})), protobuf("shop.v1.Item"));
    assert_eq!(chosen(&two, None, json!({ "@type": "type.googleapis.com/shop.v1.Item" })), protobuf("shop.v1.Item"));
    assert_eq!(chosen(&rest, Some("shop.v1.Item"), json!({})), protobuf("shop.v1.Item"));
    assert_eq!(chosen(&any, None, json!(1)), TypeRef { name: JSON_TYPE, encoding: Encoding::Json });
    assert_eq!(chosen(&any, Some("my.Thing"), json!({})).encoding, Encoding::Json);
    let text = message(shop.choose(&two, None, &json!({})), Code::InvalidPayload);
    assert!(text.contains("shop.v1.OrderData, shop.v1.Item") && text.contains("@type"), "{text}");
    let text = message(shop.choose(&two, Some("shop.v1.Tree"), &json!({})), Code::ActionNotFound);
    assert!(text.contains("shop.v1.Tree") && text.contains("shop.v1.Item"), "{text}");
    message(shop.choose(&one, None, &json!({ "@type": 5 })), Code::InvalidPayload);
    message(shop.choose(&one, Some("a b"), &json!({})), Code::InvalidPayload);
    message(shop.resolve(Some(&"x".repeat(256)), &json!({})), Code::InvalidPayload);
}

#[test]
fn a_payload_over_the_limit_is_refused() {
    let large = json!({ "orderId": "x".repeat(limits::PAYLOAD_LEN_MAX + 1) });
    message(shop().from_json(&protobuf("shop.v1.OrderData"), &large), Code::TooLarge);
}

#[test]
fn descriptor_sets_that_contradict_each_other_are_refused() {
    let one = compile("common.proto", "syntax = \"proto3\"; package a; message A {}");
    let other = compile("common.proto", "syntax = \"proto3\"; package b; message B {}");
    assert_eq!(Descriptors::new([one.clone(), other]).unwrap_err(), DescriptorsError::Clash("common.proto".to_owned()));
    assert!(Descriptors::new([one.clone(), one]).unwrap().knows("a.A"), "the same set twice is no contradiction");
    assert!(matches!(Descriptors::new([Bytes::from_static(b"\xff")]), Err(DescriptorsError::Invalid(_))));
    let both = shop().file_descriptor_set();
    assert!(Descriptors::new([Bytes::from(both)]).unwrap().knows("shop.v1.OrderData"), "what it gives, it takes");
}
