use callboard_wire::session::Limits;

use crate::{play, play_within};

#[test]
fn what_a_client_asks_is_answered_under_its_reference() {
    play(
        r#"
        > {"type":"invoke","id":"i","actor":"cart/c1","action":"add","data":{"sku":"tea"},"key":"k"}
        . Invoke { ask: AskId(1), actor: "cart/c1", action: "add", json: "{\"sku\":\"tea\"}", key: Some("k") }
        > {"type":"publish","id":2,"topic":"order.notes","payload_type":"shop.Note","data":{"text":"hi"}}
        . Publish { ask: AskId(2), topic: "order.notes", type_name: Some("shop.Note"), json: "{\"text\":\"hi\"}" }
        ! answer 2 {"id":"m","seq":1,"epoch":"1"}
        < {"type":"reply","id":2,"result":{"id":"m","seq":1,"epoch":"1"}}
        ! fails 1 Overloaded the mailbox is full
        < {"type":"error","id":"i","error":{"code":"Overloaded","message":"the mailbox is full","retry":"safe","retry_after_ms":100}}
        > {"type":"ping","id":3}
        < {"type":"pong","id":3,"time":"2026-11-20T21:50:19.000Z"}
    "#,
    );
}

#[test]
fn what_has_no_reference_is_answered_only_when_it_fails() {
    play(
        r#"
        > {"type":"publish","topic":"order.notes","data":1}
        . Publish { ask: AskId(1), topic: "order.notes", type_name: None, json: "1" }
        ! answer 1 {"id":"m","seq":1,"epoch":"1"}
        > {"type":"publish","topic":"order.notes"}
        . Publish { ask: AskId(2), topic: "order.notes", type_name: None, json: "null" }
        ! fails 2 Denied not granted
        < {"type":"error","error":{"code":"Denied","message":"not granted","retry":"never"}}
    "#,
    );
}

#[test]
fn an_event_goes_to_the_channel_and_its_answer_comes_back() {
    play(
        r#"
        > {"type":"subscribe","sub":"c","channel":"C"}
        . Subscribe(Subscribe { sub: SubId(1), target: Channel { name: "C", params: "{}" }, from: Fresh, consumer: None, heads: true })
        ! subscribed 1 campaign
        < {"type":"subscribed","sub":"c","topics":["order.events"],"heads":[],"cursor":"ZAZ5m2vg=t1795211417000","gap":false,"acknowledged":false,"presence":false,"whisper":false}
        > {"type":"perform","id":1,"sub":"c","event":"speak","data":{"text":"hi"}}
        . Perform { sub: SubId(1), ask: Some(AskId(2)), name: "speak", data: Json("{\"text\":\"hi\"}") }
        > {"type":"unsubscribe","sub":"c"}
        . Unsubscribe(SubId(1))
        < {"type":"unsubscribed","sub":"c"}
        ! answer 2 bytes
        < {"type":"reply","id":1,"result_base64":"AQID"}
        > {"type":"perform","id":2,"sub":"c","event":"speak"}
        < {"type":"error","id":2,"sub":"c","error":{"code":"InvalidPayload","message":"there is no subscription \"c\"; subscribe first","retry":"never"}}
    "#,
    );
}

#[test]
fn only_so_many_questions_are_under_way() {
    play_within(
        Limits { asks: 1, ..Limits::default() },
        r#"
        > {"type":"publish","id":1,"topic":"a"}
        . Publish { ask: AskId(1), topic: "a", type_name: None, json: "null" }
        > {"type":"publish","id":2,"topic":"a"}
        < {"type":"error","id":2,"error":{"code":"Overloaded","message":"1 requests wait for their answers; send the next one after an answer","retry":"safe","retry_after_ms":100}}
        ! answer 1 {}
        < {"type":"reply","id":1,"result":{}}
        > {"type":"publish","id":2,"topic":"a"}
        . Publish { ask: AskId(2), topic: "a", type_name: None, json: "null" }
    "#,
    );
}

#[test]
fn a_message_that_cannot_be_read_says_what_to_do_and_the_connection_goes_on() {
    play(
        r#"
        > 0x010203
        < {"type":"error","error":{"code":"InvalidPayload","message":"a message is a text frame with a JSON object; binary frames are not understood","retry":"never"}}
        > {"type":"subscribe","id":4,"sub":"a"}
        < {"type":"error","id":4,"sub":"a","error":{"code":"InvalidPayload","message":"a subscribe has either a \"topic\", which may be a pattern, or a \"channel\"","retry":"never"}}
        > {"type":"ping"}
        < {"type":"pong","time":"2026-11-20T21:50:19.000Z"}
    "#,
    );
}
