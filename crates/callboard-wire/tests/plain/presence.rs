use crate::play;

const SUBSCRIBED: &str = r#"
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        ! subscribed 1 plain head=7-57 after=7-57
        < {"type":"subscribed","sub":"a","topics":["order.events"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":57}}],"cursor":"7-57","gap":false,"acknowledged":false,"presence":true,"whisper":true}
"#;

fn behind(text: &str) {
    play(&format!("{SUBSCRIBED}{text}"));
}

#[test]
fn who_comes_and_goes_is_told_from_when_the_client_asks() {
    behind(
        r#"
        ! presence 1 +u1/7.1
        > {"type":"presence_list","sub":"a","id":1}
        . PresenceList(SubId(1))
        ! members 1 u1/7.1 u2/8.1
        < {"type":"presence","sub":"a","id":1,"members":[{"id":"u1","session":"7.1","info":{"name":"Ann"},"since":"2026-11-20T21:50:00.000Z"},{"id":"u2","session":"8.1","info":{"name":"Ann"},"since":"2026-11-20T21:50:00.000Z"}]}
        ! presence 1 +u3/9.1 --u2/8.1 ~u1/7.1
        < {"type":"joined","sub":"a","member":{"id":"u3","session":"9.1","info":{"name":"Ann"},"since":"2026-11-20T21:50:00.000Z"},"first":true}
        < {"type":"left","sub":"a","member":{"id":"u2","session":"8.1","info":{"name":"Ann"},"since":"2026-11-20T21:50:00.000Z"},"last":false,"timed_out":false}
        < {"type":"left","sub":"a","member":{"id":"u1","session":"7.1","info":{"name":"Ann"},"since":"2026-11-20T21:50:00.000Z"},"last":true,"timed_out":true}
        > {"type":"presence_list","sub":"a","id":2}
        . PresenceList(SubId(1))
        ! no-members 1 Unavailable not now
        < {"type":"error","id":2,"sub":"a","error":{"code":"Unavailable","message":"not now","retry":"may_repeat"}}
    "#,
    );
}

#[test]
fn a_client_shows_itself_and_hides_again() {
    behind(
        r#"
        > {"type":"presence_join","sub":"a","id":1,"name":"ann","info":{"name":"Ann"}}
        . PresenceJoin { sub: SubId(1), id: Some("ann"), info: "{\"name\":\"Ann\"}" }
        < {"type":"reply","id":1,"result":{}}
        ! presence 1 +ann/7.1
        < {"type":"joined","sub":"a","member":{"id":"ann","session":"7.1","info":{"name":"Ann"},"since":"2026-11-20T21:50:00.000Z"},"first":true}
        > {"type":"presence_leave","sub":"a"}
        . PresenceLeave(SubId(1))
    "#,
    );
}

#[test]
fn a_whisper_reaches_the_client_as_it_was_sent() {
    behind(
        r#"
        ! whispered 1 {"typing": true}
        < {"type":"whisper","sub":"a","data":{"typing": true}}
        > {"type":"whisper","sub":"a","data":{"typing":false}}
        . Whisper { sub: SubId(1), json: "{\"typing\":false}" }
    "#,
    );
}

#[test]
fn what_a_channel_does_not_have_is_refused() {
    play(
        r#"
        > {"type":"subscribe","sub":"c","channel":"C"}
        . Subscribe(Subscribe { sub: SubId(1), target: Channel { name: "C", params: "{}" }, from: Fresh, consumer: None, heads: true })
        ! subscribed 1 campaign
        < {"type":"subscribed","sub":"c","topics":["order.events"],"heads":[],"cursor":"ZAZ5m2vg=t1795211417000","gap":false,"acknowledged":false,"presence":false,"whisper":false}
        > {"type":"whisper","sub":"c","id":1}
        < {"type":"error","id":1,"sub":"c","error":{"code":"Denied","message":"there are no whispers on this channel","retry":"never"}}
        > {"type":"presence_join","sub":"c"}
        < {"type":"error","sub":"c","error":{"code":"Denied","message":"nobody is shown on this channel","retry":"never"}}
    "#,
    );
}
