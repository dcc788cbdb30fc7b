use crate::v1;

#[test]
fn the_first_serializer_speaks_in_objects_of_four_members() {
    v1(r#"
        > {"topic":"phoenix","event":"heartbeat","payload":{},"ref":"9"}
        < {"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"9"}
        > {"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}
        . subscribe 1 room:1 {} fresh
        ! subscribed 1 campaign
        < {"topic":"room:1","event":"phx_reply","payload":{"status":"ok","response":{"gap":false}},"ref":"1"}
        > {"topic":"room:1","event":"speak","payload":{"text":"hi"},"ref":"2","more":1}
        . perform 1 ask 1 speak {"text":"hi"}
        ! answer 1 0x010203
        < {"topic":"room:1","event":"phx_reply","payload":{"status":"ok","response":{"value":"AQID"}},"ref":"2"}
        ! publication 1 at=7-58 data={"n":1}
        < {"topic":"room:1","event":"message","payload":{"n":1},"ref":null}
        ! publication 1 at=7-59 bytes=0a0b data={"@type":"blob","value":"Cgs="}
        < {"topic":"room:1","event":"message","payload":{"@type":"blob","value":"Cgs="},"ref":null}
        > {"topic":"room:1","event":"phx_join","payload":{},"ref":"3"}
        . unsubscribe 1
        < {"topic":"room:1","event":"phx_close","payload":{},"ref":"1"}
        . subscribe 2 room:1 {} fresh
        > {"topic":"room:1","event":"phx_leave","payload":{},"ref":"4"}
        < {"topic":"room:1","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"4"}
        . unsubscribe 2
        < {"topic":"room:1","event":"phx_close","payload":{},"ref":"3"}
    "#);
}

#[test]
fn the_first_serializer_has_no_binary_frames() {
    v1(r#"
        > 0x00 00 00 01 01 7465
        < close 1007 vsn 1.0.0 has no binary frames
    "#);
}
