use crate::play;

#[test]
fn a_goodbye_says_why_and_when_to_come_back() {
    for (end, goodbye) in [
        (
            "Draining",
            r#"< {"type":"closing","reason":"restart","message":"the node stops; come back and go on from the last cursors","reconnect":true,"after_ms":750}
               < close 1012 restart"#,
        ),
        (
            "TokenExpired",
            r#"< {"type":"closing","reason":"token_expired","message":"the token has expired; connect again with a new one","reconnect":false}
               < close 1008 token_expired"#,
        ),
        (
            "Unauthorized",
            r#"< {"type":"closing","reason":"unauthorized","message":"a valid token is needed; connect again with one","reconnect":false}
               < close 1008 unauthorized"#,
        ),
        (
            "TooSlow",
            r#"< {"type":"closing","reason":"too_slow","message":"too little was read; come back and go on from the last cursors","reconnect":true,"after_ms":750}
               < close 1013 too_slow"#,
        ),
        (
            "Abuse",
            r#"< {"type":"closing","reason":"abuse","message":"too many messages at once, or one that is too large or not WebSocket","reconnect":false}
               < close 1008 abuse"#,
        ),
        (
            "Gone",
            r#"< {"type":"closing","reason":"silent","message":"nothing was heard of the client, not even an answer to a ping","reconnect":true,"after_ms":750}
               < close 1001 silent"#,
        ),
        (
            "Removed",
            r#"< {"type":"closing","reason":"removed","message":"the connection was ended on purpose; stay away","reconnect":false}
               < close 1000 removed"#,
        ),
        (
            "Reconnect",
            r#"< {"type":"closing","reason":"removed","message":"the connection was ended on purpose; come back","reconnect":true,"after_ms":750}
               < close 1001 removed"#,
        ),
        (
            "Internal",
            r#"< {"type":"closing","reason":"internal","message":"a defect of the server","reconnect":true,"after_ms":750}
               < close 1011 internal"#,
        ),
    ] {
        play(&format!("! end {end}\n{goodbye}\n! end Internal\n> {{\"type\":\"ping\"}}\n"));
    }
}

#[test]
fn a_subscription_that_ends_from_the_other_side_says_why_and_its_name_is_free() {
    play(
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        ! subscribed 1 plain
        < {"type":"subscribed","sub":"a","topics":["order.events"],"heads":[],"cursor":"ZAZ5m2vg=t1795211417000","gap":false,"acknowledged":false,"presence":true,"whisper":true}
        ! ended 1 Unavailable the store cannot be read
        < {"type":"ended","sub":"a","error":{"code":"Unavailable","message":"the store cannot be read","retry":"may_repeat"}}
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(2), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
    "#,
    );
}
