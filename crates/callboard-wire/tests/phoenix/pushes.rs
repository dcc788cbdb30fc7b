use callboard_wire::phoenix::{PhoenixConfig, Version};
use callboard_wire::session::Limits;

use crate::transcript::Stage;
use crate::v2;

#[test]
fn an_event_is_answered_with_what_it_led_to() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        > ["1","4","campaign:7","speak",{"text":"hi", "n":12345678901234567890123}]
        . perform 1 ask 1 speak {"text":"hi", "n":12345678901234567890123}
        ! answer 1 {}
        < ["1","4","campaign:7","phx_reply",{"status":"ok","response":{}}]
        > ["1","5","campaign:7","speak",7]
        . perform 1 ask 2 speak 7
        ! fails 2 Denied speaking is not allowed
        < ["1","5","campaign:7","phx_reply",{"status":"error","response":{"code":"Denied","reason":"speaking is not allowed"}}]
        > ["1",null,"campaign:7","speak",{}]
        . perform 1 unasked speak {}
        > ["1","7","campaign:7","speak",{"text":"\ud800"}]
        < ["1","7","campaign:7","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"the payload cannot be read: unexpected end of hex escape at line 1 column 16"}}]
        > ["1","6","campaign:7","phx_error",{}]
        < ["1","6","campaign:7","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"events that begin with phx_ are the protocol's own"}}]
    "#);
}

#[test]
fn an_acknowledgement_is_answered_with_what_is_left_or_why_it_is_none() {
    v2(r#"
        > ["3","3","order.events","phx_join",{"last_seq":41,"epoch":"7","consumer":"till-4"}]
        . subscribe 1 order.events {"last_seq":41,"epoch":"7","consumer":"till-4"} after 7-41 consumer "till-4"
        ! subscribed 1 reliable head=7-57 after=7-41
        < ["3","3","order.events","phx_reply",{"status":"ok","response":{"epoch":"7","last_seq":57,"replay_from":42,"gap":false}}]
        ! publication 1 at=7-42 replay ack data={}
        < ["3",null,"order.events","event",{"seq":42,"epoch":"7","topic":"order.events","type":"order.created","data":{},"ack_required":true,"replay":true}]
        > ["3","8","order.events","ack",{"seq":42}]
        . acknowledge 1 ask 1 one 42
        ! answer 1 {"acked":42,"pending":15}
        < ["3","8","order.events","phx_reply",{"status":"ok","response":{"acked":42,"pending":15}}]
        > ["3","9","order.events","ack",{"upto":99}]
        . acknowledge 1 ask 2 upto 99
        ! answer 2 {"reason":"unknown_seq","head":57}
        < ["3","9","order.events","phx_reply",{"status":"error","response":{"reason":"unknown_seq","head":57}}]
        > ["3","10","order.events","ack",{"seq":43,"topic":"order.events"}]
        . acknowledge 1 ask 3 one 43 of order.events
        ! fails 3 Unavailable the store cannot be written
        < ["3","10","order.events","phx_reply",{"status":"error","response":{"code":"Unavailable","reason":"the store cannot be written"}}]
        > ["3","11","order.events","ack",{"seq":"43"}]
        < ["3","11","order.events","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"an acknowledgement is {\"seq\":42}, or {\"upto\":42} for everything up to there"}}]
        > ["3","12","order.events","ack",{"seq":43,"upto":43}]
        < ["3","12","order.events","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"an acknowledgement is {\"seq\":42}, or {\"upto\":42} for everything up to there"}}]
        > ["3",null,"order.events","ack",{"seq":44}]
        . acknowledge 1 unasked one 44
        > ["4","4","order.other","phx_join",{"consumer":true}]
        . subscribe 2 order.other {"consumer":true} fresh consumer ""
    "#);
}

#[test]
fn ack_is_an_event_like_any_other_of_a_channel_that_does_not_acknowledge() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        > ["1","2","campaign:7","ack",{"order":7}]
        . perform 1 ask 1 ack {"order":7}
        > ["1","3","campaign:7","whisper",{}]
        . perform 1 ask 2 whisper {}
    "#);
}

#[test]
fn a_whisper_goes_to_the_others_and_is_not_kept() {
    v2(r#"
        > ["1","1","order.events","phx_join",{}]
        . subscribe 1 order.events {} fresh
        ! subscribed 1 plain
        < ["1","1","order.events","phx_reply",{"status":"ok","response":{"gap":false}}]
        > ["1","2","order.events","whisper",{"typing":true}]
        . whisper 1 {"typing":true}
        < ["1","2","order.events","phx_reply",{"status":"ok","response":{}}]
        ! whispered 1 {"typing":false}
        < [null,null,"order.events","whisper",{"typing":false}]
        ! whispered 1 7
        < [null,null,"order.events","whisper",{"value":7}]
    "#);
}

#[test]
fn only_so_many_events_wait_for_their_replies() {
    let mut stage = Stage::with(Version::V2, Limits { asks: 2, ..Limits::default() }, PhoenixConfig::default());
    stage.client(r#"["1","1","campaign:7","phx_join",{}]"#);
    stage.happens("subscribed 1 campaign");
    for n in 2..=3 {
        stage.client(&format!(r#"["1","{n}","campaign:7","speak",{{}}]"#));
    }
    stage.seen();
    stage.client(r#"["1","4","campaign:7","speak",{}]"#);
    let refused = stage.seen();
    assert!(refused.len() == 1 && refused[0].contains("\"code\":\"Overloaded\""), "{refused:?}");
    stage.happens("answer 1 {}");
    stage.seen();
    stage.client(r#"["1","5","campaign:7","speak",{}]"#);
    assert_eq!(stage.seen(), [". perform 1 ask 3 speak {}"]);
}

#[test]
fn what_is_no_frame_ends_the_socket() {
    v2(r#"
        > ["1","1","campaign:7"]
        < close 1007 not an array of join_ref, ref, topic, event and payload
        > ["1","1","campaign:7","phx_join",{}]
    "#);
}
