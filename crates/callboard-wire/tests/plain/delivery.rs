use crate::play;

#[test]
fn a_publication_has_its_place_and_a_cursor_to_come_back_with() {
    play(
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events","from":{"cursor":"7-56"}}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Cursor("7-56"), consumer: None, heads: true })
        ! subscribed 1 plain head=7-57 after=7-56
        < {"type":"subscribed","sub":"a","topics":["order.events"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":56}}],"cursor":"7-56","gap":false,"acknowledged":false,"presence":true,"whisper":true}
        ! publication 1 at=7-57 replay data={"n":1}
        < {"type":"publication","sub":"a","cursor":"7-57","publication":{"seq":57,"epoch":"7","topic":"order.events","type":"order.created","data":{"n":1},"replay":true}}
        ! caught-up 1
        < {"type":"caught_up","sub":"a"}
        ! publication 1 at=7-58 data={"n":2}
        < {"type":"publication","sub":"a","cursor":"7-58","publication":{"seq":58,"epoch":"7","topic":"order.events","type":"order.created","data":{"n":2}}}
    "#,
    );
}

#[test]
fn the_cursor_of_a_pattern_and_of_several_topics_is_one_text() {
    play(
        r#"
        > {"type":"subscribe","sub":"p","topic":"order.*"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.*"), from: Fresh, consumer: None, heads: true })
        ! subscribed 1 plain topics=order.*
        < {"type":"subscribed","sub":"p","topics":["order.*"],"heads":[],"cursor":"_580uwmD=t1795211417000","gap":false,"acknowledged":false,"presence":true,"whisper":true}
        ! publication 1 at=7-58 data={}
        < {"type":"publication","sub":"p","cursor":"order.events:7-58:580","publication":{"seq":58,"epoch":"7","topic":"order.events","type":"order.created","data":{}}}
        > {"type":"subscribe","sub":"c","channel":"C"}
        . Subscribe(Subscribe { sub: SubId(2), target: Channel { name: "C", params: "{}" }, from: Fresh, consumer: None, heads: true })
        ! subscribed 2 campaign topics=order.events,order.other head=7-57 after=7-57
        < {"type":"subscribed","sub":"c","topics":["order.events","order.other"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":57}},{"topic":"order.other","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":57}}],"cursor":"ZAZ5m2vg=7-57,cL-9QhDc=7-57","gap":false,"acknowledged":false,"presence":false,"whisper":false}
        ! publication 2 at=7-58 of=order.other data={}
        < {"type":"publication","sub":"c","cursor":"ZAZ5m2vg=7-57,cL-9QhDc=7-58","publication":{"seq":58,"epoch":"7","topic":"order.other","type":"order.created","data":{}}}
    "#,
    );
}

#[test]
fn a_client_is_told_what_it_will_not_get_and_why() {
    play(
        r#"
        > {"type":"subscribe","sub":"a","channel":"campaign:7","from":{"after":{"order.events":{"epoch":"7","seq":4}}}}
        . Subscribe(Subscribe { sub: SubId(1), target: Channel { name: "campaign:7", params: "{}" }, from: After { positions: [(Some("order.events"), Some(Position { epoch: Epoch(7), seq: Seq(4) }))], since: None }, consumer: None, heads: true })
        ! subscribed 1 campaign head=7-57 after=7-30 gap
        < {"type":"subscribed","sub":"a","topics":["order.events"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":30}}],"cursor":"7-30","gap":true,"acknowledged":false,"presence":false,"whisper":false}
        < {"type":"gap","sub":"a","topic":"order.events","after":{"epoch":"7","seq":4},"next":{"epoch":"7","seq":31},"reason":"expired","message":"what is missing is no longer kept, or more than is given again; load the present state"}
        < {"type":"reload","sub":"a","hints":[{"characters":"reload"}]}
        ! gap 1 after=7-41 next=8-1
        < {"type":"gap","sub":"a","topic":"order.events","after":{"epoch":"7","seq":41},"next":{"epoch":"8","seq":1},"reason":"other_log","message":"the position is not of this log, which began anew; load the present state"}
        < {"type":"reload","sub":"a","hints":[{"characters":"reload"}]}
    "#,
    );
}

#[test]
fn a_client_without_a_place_that_may_have_missed_something_is_told_to_look_again() {
    play(
        r#"
        > {"type":"subscribe","sub":"a","channel":"campaign:7"}
        . Subscribe(Subscribe { sub: SubId(1), target: Channel { name: "campaign:7", params: "{}" }, from: Fresh, consumer: None, heads: true })
        ! subscribed 1 campaign head=7-57 after=7-57 missed
        < {"type":"subscribed","sub":"a","topics":["order.events"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":57}}],"cursor":"7-57","gap":false,"acknowledged":false,"presence":false,"whisper":false}
        < {"type":"reload","sub":"a","hints":[{"characters":"reload"}]}
    "#,
    );
}

#[test]
fn what_is_not_acknowledged_comes_again_and_does_not_move_the_place() {
    play(
        r#"
        > {"type":"subscribe","sub":"t","channel":"TaskChannel","consumer":"worker-1"}
        . Subscribe(Subscribe { sub: SubId(1), target: Channel { name: "TaskChannel", params: "{}" }, from: Fresh, consumer: Some("worker-1"), heads: true })
        ! subscribed 1 reliable head=7-40 after=7-40
        < {"type":"subscribed","sub":"t","topics":["order.events"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":40},"after":{"epoch":"7","seq":40}}],"cursor":"7-40","gap":false,"acknowledged":true,"presence":false,"whisper":false}
        ! publication 1 at=7-41 ack data={}
        < {"type":"publication","sub":"t","cursor":"7-41","publication":{"seq":41,"epoch":"7","topic":"order.events","type":"order.created","data":{},"ack_required":true}}
        ! publication 1 at=7-41 ack again replay data={}
        < {"type":"publication","sub":"t","publication":{"seq":41,"epoch":"7","topic":"order.events","type":"order.created","data":{},"ack_required":true,"replay":true,"redelivered":true}}
        > {"type":"ack","sub":"t","id":1,"seq":41}
        . Acknowledge { sub: SubId(1), ask: Some(AskId(2)), topic: None, ack: One(41) }
        ! answer 2 {"acked":41,"upto":41,"pending":0}
        < {"type":"reply","id":1,"result":{"acked":41,"upto":41,"pending":0}}
        > {"type":"ack","sub":"t","upto":99,"topic":"order.events"}
        . Acknowledge { sub: SubId(1), ask: Some(AskId(3)), topic: Some("order.events"), ack: UpTo(99) }
        ! fails 3 InvalidPayload unknown_seq
        < {"type":"error","sub":"t","error":{"code":"InvalidPayload","message":"unknown_seq","retry":"never"}}
    "#,
    );
}
