use callboard_wire::phoenix::{PhoenixConfig, Version};
use callboard_wire::session::Limits;

use crate::transcript::Stage;
use crate::v2;

#[test]
fn a_join_is_answered_with_where_the_topic_stands_and_a_leave_with_a_close() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign head=7-57 after=7-57 response={"title":"Seven"}
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"title":"Seven","epoch":"7","last_seq":57,"replay_from":58,"gap":false}}]
        > ["1","6","campaign:7","phx_leave",{}]
        < ["1","6","campaign:7","phx_reply",{"status":"ok","response":{}}]
        . unsubscribe 1
        < ["1","1","campaign:7","phx_close",{}]
        > ["1","7","campaign:7","speak",{}]
        < [null,"7","campaign:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]
    "#);
}

#[test]
fn a_heartbeat_is_answered_at_once() {
    v2(r#"
        > [null,"9","phoenix","heartbeat",{}]
        < [null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]
        > [null,"10","phoenix","shout",{}]
        < [null,"10","phoenix","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]
        > ["1","1","phoenix","phx_join",{}]
        < [null,"1","phoenix","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]
    "#);
}

#[test]
fn a_join_that_is_refused_says_why_and_one_on_nothing_says_unmatched_topic() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{"token":"x"}]
        . subscribe 1 campaign:7 {"token":"x"} fresh
        ! refused 1 Denied you are not in this campaign
        < ["1","1","campaign:7","phx_reply",{"status":"error","response":{"code":"Denied","reason":"you are not in this campaign"}}]
        > ["2","2","campaign::7","phx_join",{}]
        . subscribe 2 campaign::7 {} fresh
        ! refused 2 InvalidTopic it has an empty token
        < [null,"2","campaign::7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]
        > ["3","3","","phx_join",{}]
        < [null,"3","","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]
        > ["4","4","campaign:7","phx_join",[1]]
        < ["4","4","campaign:7","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"the parameters of a join are an object"}}]
        > ["5","5","campaign:7","phx_join",null]
        . subscribe 3 campaign:7 {} fresh
    "#);
}

#[test]
fn a_leave_without_a_join_is_no_error() {
    v2(r#"
        > ["4","6","campaign:7","phx_leave",{}]
        < ["4","6","campaign:7","phx_reply",{"status":"ok","response":{}}]
    "#);
}

#[test]
fn a_leave_may_come_before_the_join_is_answered() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        > ["1","2","campaign:7","phx_leave",{}]
        < ["1","2","campaign:7","phx_reply",{"status":"ok","response":{}}]
        . unsubscribe 1
        < ["1","1","campaign:7","phx_close",{}]
        ! subscribed 1 campaign head=7-57 after=7-57
        ! refused 1 Denied too late
        ! publication 1 at=7-58 data={}
        . not delivered
    "#);
}

#[test]
fn a_second_join_of_a_topic_takes_the_place_of_the_first() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        > ["1","2","campaign:7","speak",{}]
        . perform 1 ask 1 speak {}
        > ["3","3","campaign:7","phx_join",{}]
        . unsubscribe 1
        < ["1","1","campaign:7","phx_close",{}]
        . subscribe 2 campaign:7 {} fresh
        ! subscribed 2 campaign
        < ["3","3","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! answer 1 {"late":true}
        ! publication 1 at=7-58 data={}
        . not delivered
        ! publication 2 at=7-58 data={"n":1}
        < [null,null,"campaign:7","message",{"n":1}]
    "#);
}

#[test]
fn what_belongs_to_an_earlier_join_is_not_answered() {
    v2(r#"
        > ["3","3","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign
        < ["3","3","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        > ["1","4","campaign:7","speak",{}]
        > ["1","5","campaign:7","phx_leave",{}]
        > [null,"6","campaign:7","speak",{}]
        . perform 1 ask 1 speak {}
        ! answer 1 {}
        < ["3","6","campaign:7","phx_reply",{"status":"ok","response":{}}]
    "#);
}

#[test]
fn references_go_back_as_they_came() {
    v2(r#"
        > [7,8,"campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 reliable
        < [7,8,"campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! publication 1 at=7-58 ack data={}
        < [7,null,"campaign:7","event",{"seq":58,"epoch":"7","topic":"order.events","type":"order.created","data":{},"ack_required":true}]
        > ["7","a\"b","campaign:7","speak",{}]
        . perform 1 ask 1 speak {}
        ! answer 1 {}
        < [7,"a\"b","campaign:7","phx_reply",{"status":"ok","response":{}}]
        > [8,9,"campaign:7","speak",{}]
        > [null,-3,"phoenix","heartbeat",{},"of a later version",{"x":[1]}]
        < [null,-3,"phoenix","phx_reply",{"status":"ok","response":{}}]
    "#);
}

#[test]
fn a_client_that_comes_back_says_what_it_has_seen() {
    v2(r#"
        > ["1","1","order.events","phx_join",{"last_seq":41,"epoch":"7"}]
        . subscribe 1 order.events {"last_seq":41,"epoch":"7"} after 7-41
        ! subscribed 1 plain head=7-57 after=7-41
        < ["1","1","order.events","phx_reply",{"status":"ok","response":{"epoch":"7","last_seq":57,"replay_from":42,"gap":false}}]
        ! publication 1 at=7-42 replay data={"id":1}
        < [null,null,"order.events","event",{"seq":42,"epoch":"7","topic":"order.events","type":"order.created","data":{"id":1},"replay":true}]
        ! caught-up 1
        ! publication 1 at=7-58 data={"id":2}
        < [null,null,"order.events","event",{"seq":58,"epoch":"7","topic":"order.events","type":"order.created","data":{"id":2}}]
        > ["2","2","a","phx_join",{"last_seq":41,"epoch":"e7"}]
        . subscribe 2 a {"last_seq":41,"epoch":"e7"} after nowhere
        > ["3","3","b","phx_join",{"positions":{"order.events":{"epoch":"7","offset":5},"x.y":{}},"since":900}]
        . subscribe 3 b {"positions":{"order.events":{"epoch":"7","offset":5},"x.y":{}},"since":900} after order.events=7-5 x.y=nowhere since 900
        > ["4","4","c","phx_join",{"cursor":"7-5"}]
        . subscribe 4 c {"cursor":"7-5"} cursor 7-5
        > ["5","5","d","phx_join",{"since":"1970-01-01T00:00:02Z"}]
        . subscribe 5 d {"since":"1970-01-01T00:00:02Z"} time 2000
        ! subscribed 5 plain head=7-57 after=7-0
        < ["5","5","d","phx_reply",{"status":"ok","response":{"epoch":"7","last_seq":57,"replay_from":null,"gap":false}}]
        > ["6","6","e","phx_join",{"last_seq":"many"}]
        < ["6","6","e","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"\"last_seq\" is the number of the last event that was seen"}}]
    "#);
}

#[test]
fn a_number_without_an_epoch_is_of_the_topics_own_epoch() {
    v2(r#"
        > ["1","1","order.events","phx_join",{"last_seq":41}]
        . subscribe 1 order.events {"last_seq":41} held
        ! subscribed 1 plain head=7-57 after=7-57
        . start 1 after 7-41
        ! started 1 head=7-57 after=7-50 gap
        < ["1","1","order.events","phx_reply",{"status":"ok","response":{"epoch":"7","last_seq":57,"replay_from":51,"gap":true}}]
    "#);
}

#[test]
fn a_number_of_a_channel_with_several_topics_is_of_none_of_them() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{"last_seq":41}]
        . subscribe 1 campaign:7 {"last_seq":41} held
        ! subscribed 1 campaign topics=a.b,a.c head=7-57 after=7-57
        . start 1 live
        ! started 1
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"positions":{"a.b":{"epoch":"7","offset":57},"a.c":{"epoch":"7","offset":57}},"gap":true}}]
        < ["1",null,"campaign:7","message",{"characters":"reload"}]
    "#);
}

#[test]
fn a_join_that_cannot_be_started_is_answered_with_an_error() {
    v2(r#"
        > ["1","1","order.events","phx_join",{"last_seq":41}]
        . subscribe 1 order.events {"last_seq":41} held
        ! subscribed 1 plain head=7-57 after=7-57
        . start 1 after 7-41
        ! ended 1 Unavailable the store cannot be read
        < ["1","1","order.events","phx_reply",{"status":"error","response":{"code":"Unavailable","reason":"the store cannot be read"}}]
    "#);
}

#[test]
fn a_socket_has_at_most_a_hundred_channels_and_a_place_is_free_after_a_leave() {
    let mut stage = Stage::new(Version::V2);
    for n in 1..=100 {
        stage.client(&format!(r#"["{n}","{n}","room:{n}","phx_join",{{}}]"#));
        assert_eq!(stage.seen(), [format!(". subscribe {n} room:{n} {{}} fresh")]);
    }
    stage.client(r#"["200","200","room:200","phx_join",{}]"#);
    let answer =
        r#"["200","200","room:200","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]"#;
    assert_eq!(stage.seen(), [format!("< {answer}")]);
    stage.client(r#"["201","201","room:7","phx_join",{}]"#);
    assert_eq!(
        stage.seen().last().unwrap(),
        ". subscribe 101 room:7 {} fresh",
        "a topic that is joined needs no new place"
    );
    stage.client(r#"["1","202","room:1","phx_leave",{}]"#);
    stage.seen();
    stage.client(r#"["203","203","room:203","phx_join",{}]"#);
    assert_eq!(stage.seen(), [". subscribe 102 room:203 {} fresh"]);
}

#[test]
fn what_is_sent_behind_a_join_waits_for_its_answer() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        > ["1","2","campaign:7","speak",{"n":1}]
        > ["1",null,"campaign:7","speak",{"n":2}]
        ! subscribed 1 campaign
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        . perform 1 ask 1 speak {"n":1}
        . perform 1 unasked speak {"n":2}
    "#);
    let mut stage = Stage::new(Version::V2);
    stage.client(r#"["1","1","campaign:7","phx_join",{}]"#);
    stage.seen();
    for n in 2..200 {
        stage.client(&format!(r#"["1","{n}","campaign:7","speak",{{}}]"#));
    }
    let refused = stage.seen();
    assert_eq!(refused.len(), 182, "16 wait");
    assert!(refused.iter().all(|line| line.contains("\"code\":\"Overloaded\"")), "{refused:?}");
}

/// A client that sends anything in any order, and a gateway that answers in any order: each message is answered at most once, and no
/// more is open than the limits allow.
#[test]
fn whatever_comes_in_whatever_order_each_message_is_answered_at_most_once() {
    for seed in 1..300_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut stage = Stage::with(
            Version::V2,
            Limits { subscriptions: 3, asks: 4, ..Limits::default() },
            PhoenixConfig::default(),
        );
        let (mut answered, mut subs, mut asks) = (std::collections::HashSet::new(), 0, 0);
        let mut open: std::collections::HashSet<String> = std::collections::HashSet::new();
        for reference in 1..200 {
            let topic = next(5);
            let join_ref = match next(3) {
                0 => "null".to_owned(),
                _ => format!("\"{}\"", 1 + next(reference)),
            };
            let events = ["phx_join", "phx_join", "phx_leave", "speak", "ack", "whisper", "phx_error"];
            let event = events[usize::try_from(next(7)).unwrap()];
            stage.client(&format!(r#"[{join_ref},"{reference}","room:{topic}","{event}",{{"seq":1}}]"#));
            let rules = ["plain", "campaign", "reliable", "lobby"][usize::try_from(next(4)).unwrap()];
            match next(6) {
                0 => stage.happens(&format!("subscribed {} {rules}", 1 + next(subs + 1))),
                1 => stage.happens(&format!("refused {} Denied no", 1 + next(subs + 1))),
                2 => stage.happens(&format!("ended {} Unavailable no", 1 + next(subs + 1))),
                3 => stage.happens(&format!("answer {} {{}}", 1 + next(asks + 1))),
                4 => stage.happens(&format!("publication {} at=7-1 data={{}}", 1 + next(subs + 1))),
                _ => {}
            }
            for line in stage.seen() {
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    [".", "subscribe", sub, ..] => {
                        subs = sub.parse().unwrap();
                        open.insert(sub.to_owned());
                    }
                    [".", "unsubscribe", sub, ..] => assert!(open.remove(sub), "seed {seed}: {line}"),
                    [".", "perform" | "acknowledge", sub, "ask", ask, ..] => {
                        assert!(open.contains(sub), "seed {seed}: {line}");
                        asks = ask.parse().unwrap();
                    }
                    _ if line.contains("phx_reply") => {
                        let frame: serde_json::Value = serde_json::from_str(&line[2..]).unwrap();
                        assert!(answered.insert(frame[1].to_string()), "seed {seed}: {line}");
                    }
                    _ => {}
                }
            }
        }
    }
}
