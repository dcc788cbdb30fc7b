use crate::v2;

#[test]
fn a_declared_channel_sends_the_data_as_it_is_and_always_an_object() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! publication 1 at=7-58 data={"character":{"id":3,"name":"Ann"}}
        < [null,null,"campaign:7","message",{"character":{"id":3,"name":"Ann"}}]
        ! publication 1 at=7-59 data={"characters":"reload"}
        < [null,null,"campaign:7","message",{"characters":"reload"}]
        ! publication 1 at=7-60 data=[1,2]
        < [null,null,"campaign:7","message",{"value":[1,2]}]
    "#);
}

#[test]
fn a_client_may_ask_for_the_envelope_of_a_channel_that_sends_bare_data() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{"envelope":true}]
        . subscribe 1 campaign:7 {"envelope":true} fresh
        ! subscribed 1 campaign head=7-57 after=7-57
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"epoch":"7","last_seq":57,"replay_from":58,"gap":false}}]
        ! publication 1 at=7-58 data={"n":1}
        < [null,null,"campaign:7","event",{"seq":58,"epoch":"7","topic":"order.events","type":"order.created","data":{"n":1}}]
    "#);
}

#[test]
fn what_was_not_acknowledged_comes_again_with_the_same_number() {
    v2(r#"
        > ["3","3","order.events","phx_join",{}]
        . subscribe 1 order.events {} fresh
        ! subscribed 1 reliable
        < ["3","3","order.events","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! publication 1 at=7-42 ack data={"n":1}
        < ["3",null,"order.events","event",{"seq":42,"epoch":"7","topic":"order.events","type":"order.created","data":{"n":1},"ack_required":true}]
        ! publication 1 at=7-42 ack again data={"n":1}
        < ["3",null,"order.events","event",{"seq":42,"epoch":"7","topic":"order.events","type":"order.created","data":{"n":1},"ack_required":true,"redelivered":true}]
    "#);
}

#[test]
fn a_client_that_may_have_missed_something_is_told_to_reload() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign missed
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        < ["1",null,"campaign:7","message",{"characters":"reload"}]
        > ["2","2","campaign:8","phx_join",{"last_seq":57,"epoch":"7"}]
        . subscribe 2 campaign:8 {"last_seq":57,"epoch":"7"} after 7-57
        ! subscribed 2 campaign head=7-57 after=7-57 missed
        < ["2","2","campaign:8","phx_reply",{"status":"ok","response":{"epoch":"7","last_seq":57,"replay_from":58,"gap":false}}]
        ! gap 1 after=7-41 next=7-50
        < ["1",null,"campaign:7","gap",{"after":{"epoch":"7","offset":41},"next":{"epoch":"7","offset":50},"topic":"order.events"}]
        < ["1",null,"campaign:7","message",{"characters":"reload"}]
    "#);
}
