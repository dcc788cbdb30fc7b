use super::*;
use callboard_core::Code;

fn read(text: &str) -> Result<Request, Refusal> {
    Request::read(text, &Limits::default())
}

fn from(text: &str) -> From {
    let message = format!(r#"{{"type":"subscribe","sub":"s","topic":"a.b","from":{text}}}"#);
    match read(&message).unwrap().wish {
        Wish::Subscribe { from, .. } => from,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_is_a_word_a_cursor_a_time_or_positions() {
    assert_eq!(from(r#""live""#), From::Live);
    assert_eq!(from(r#""beginning""#), From::Beginning);
    assert_eq!(from("null"), From::Fresh);
    assert_eq!(from(r#"{"cursor":"1-41"}"#), From::Cursor("1-41".to_owned()));
    assert_eq!(from(r#"{"time":1500}"#), From::Time(Timestamp::from_millis(1500)));
    assert_eq!(from(r#"{"time":"1970-01-01T00:00:01.500Z"}"#), From::Time(Timestamp::from_millis(1500)));
    let positions = vec![
        (Some("a.b".to_owned()), Some(Position::new(1, 5))),
        (Some("a.c".to_owned()), Some(Position::new(2, 6))),
        (Some("a.d".to_owned()), None),
    ];
    let text =
        r#"{"after":{"a.b":{"epoch":"1","seq":5},"a.c":{"epoch":2,"seq":6},"a.d":{"epoch":"e2","seq":7}},"since":9}"#;
    assert_eq!(from(text), From::After { positions, since: Some(Timestamp::from_millis(9)) });
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let deep = format!(r#"{{"type":"ping","id":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let long = format!(r#"{{"type":"unsubscribe","sub":"s","id":"{}"}}"#, "x".repeat(256));
    for (text, says) in [
        ("", "JSON object with a \"type\""),
        ("{", "JSON object with a \"type\""),
        ("null", "JSON object with a \"type\""),
        ("[]", "JSON object with a \"type\""),
        ("{}", "missing field `type`"),
        (r#"{"type":7}"#, "invalid type"),
        (r#"{"type":"fly"}"#, "there are subscribe, unsubscribe"),
        (r#"{"type":"ping","x":1}"#, "unknown field `x`"),
        (r#"{"type":"ping","type":"ping"}"#, "duplicate field `type`"),
        (r#"{"type":"ping","id":1.5}"#, "\"id\" is a string"),
        (r#"{"type":"ping","id":""}"#, "\"id\" is a string"),
        (r#"{"type":"subscribe"}"#, "missing field `sub`"),
        (r#"{"type":"subscribe","sub":""}"#, "of 1 to 255 bytes"),
        (r#"{"type":"subscribe","sub":"s"}"#, "either a \"topic\""),
        (r#"{"type":"subscribe","sub":"s","topic":"a","channel":"b"}"#, "either a \"topic\""),
        (r#"{"type":"subscribe","sub":"s","topic":"a","params":{}}"#, "belong to a \"channel\""),
        (r#"{"type":"subscribe","sub":"s","channel":"a","params":[]}"#, "\"params\" is an object"),
        (r#"{"type":"subscribe","sub":"s","topic":"a","from":"now"}"#, "\"from\" is \"live\""),
        (r#"{"type":"subscribe","sub":"s","topic":"a","from":{"time":"now"}}"#, "RFC 3339"),
        (r#"{"type":"subscribe","sub":"s","topic":"a","from":{"after":{"a":5}}}"#, "\"from\" is \"live\""),
        (r#"{"type":"subscribe","sub":"s","topic":"a","consumer":""}"#, "\"consumer\" is true"),
        (r#"{"type":"ack","sub":"s"}"#, "either \"seq\""),
        (r#"{"type":"ack","sub":"s","seq":1,"upto":2}"#, "either \"seq\""),
        (r#"{"type":"ack","sub":"s","seq":-1}"#, "invalid value"),
        (r#"{"type":"presence_join","sub":"s","info":7}"#, "\"info\" is an object"),
        (r#"{"type":"invoke","actor":"a","action":"b","data":1e999}"#, "cannot be read"),
        (&deep, "levels"),
        (&long, "\"id\" is a string"),
    ] {
        let refusal = read(text).unwrap_err();
        assert_eq!(refusal.error.code(), Code::InvalidPayload, "{text:.80}");
        assert!(refusal.error.message().contains(says), "{text:.80}: {}", refusal.error);
    }
}

#[test]
fn what_is_known_of_a_refused_message_goes_back_with_the_refusal() {
    let refusal = read(r#"{"type":"subscribe","sub":"orders","id":7,"topik":"a"}"#).unwrap_err();
    assert_eq!((refusal.id.unwrap().as_json(), refusal.sub.as_deref()), ("7", Some("orders")));
    let refusal = read(r#"{"id":"a\"b","type":"fly"}"#).unwrap_err();
    assert_eq!(refusal.id.unwrap().as_json(), r#""a\"b""#);
}
