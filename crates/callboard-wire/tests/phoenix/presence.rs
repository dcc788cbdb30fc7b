use crate::v2;

#[test]
fn a_client_of_a_channel_with_presence_is_shown_and_told_who_is_there() {
    v2(r#"
        > ["1","1","lobby","phx_join",{"presence":{"name":"Ann"}}]
        . subscribe 1 lobby {"presence":{"name":"Ann"}} fresh
        ! subscribed 1 lobby
        < ["1","1","lobby","phx_reply",{"status":"ok","response":{"gap":false}}]
        . presence-list 1
        . presence-join 1 {"name":"Ann"}
        ! members 1 u1/F1aa/{"name":"Bob"} u1/F1ab
        < ["1",null,"lobby","presence_state",{"u1":{"metas":[{"name":"Bob","online_at":1795211400,"phx_ref":"F1aa"},{"online_at":1795211400,"phx_ref":"F1ab"}]}}]
        ! presence 1 +u2/F1ac ++u1/F1ad
        < [null,null,"lobby","presence_diff",{"joins":{"u1":{"metas":[{"online_at":1795211400,"phx_ref":"F1ad"}]},"u2":{"metas":[{"online_at":1795211400,"phx_ref":"F1ac"}]}},"leaves":{}}]
        < ["1",null,"lobby","user_joined",{"online_at":1795211400,"user_id":"u2"}]
        ! presence 1 --u1/F1ad
        < [null,null,"lobby","presence_diff",{"joins":{},"leaves":{"u1":{"metas":[{"online_at":1795211400,"phx_ref":"F1ad"}]}}}]
        ! presence 1 -u1/F1ab
        < [null,null,"lobby","presence_diff",{"joins":{},"leaves":{"u1":{"metas":[{"online_at":1795211400,"phx_ref":"F1ab"}]}}}]
        < ["1",null,"lobby","user_left",{"last_seen":1795211419,"user_id":"u1"}]
        ! presence 1 ~u2/F1ac
        < [null,null,"lobby","presence_diff",{"joins":{},"leaves":{"u2":{"metas":[{"online_at":1795211400,"phx_ref":"F1ac"}]}}}]
        < ["1",null,"lobby","user_timeout",{"last_seen":1795211419,"user_id":"u2"}]
        > ["1","2","lobby","phx_leave",{}]
        < ["1","2","lobby","phx_reply",{"status":"ok","response":{}}]
        . presence-leave 1
        . unsubscribe 1
        < ["1","1","lobby","phx_close",{}]
        ! presence 1 +u3/F1ae
    "#);
}

#[test]
fn nobody_is_shown_who_does_not_want_it_nor_on_a_topic_without_asking() {
    v2(r#"
        > ["1","1","lobby","phx_join",{"presence":false}]
        . subscribe 1 lobby {"presence":false} fresh
        ! subscribed 1 lobby
        < ["1","1","lobby","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! presence 1 +u3/F1ae
        > ["2","2","order.events","phx_join",{}]
        . subscribe 2 order.events {} fresh
        ! subscribed 2 plain
        < ["2","2","order.events","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! presence 2 +u3/F1ae
        > ["3","3","order.other","phx_join",{"presence":true}]
        . subscribe 3 order.other {"presence":true} fresh
        ! subscribed 3 plain
        < ["3","3","order.other","phx_reply",{"status":"ok","response":{"gap":false}}]
        . presence-list 3
        . presence-join 3 {}
        > ["4","4","campaign:7","phx_join",{"presence":true}]
        . subscribe 4 campaign:7 {"presence":true} fresh
        ! subscribed 4 campaign
        < ["4","4","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
    "#);
}
