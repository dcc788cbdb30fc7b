use crate::{v2, v2_without_binary};

/// The example of the protocol: a reply "ok" to reference "4" of join "1" on topic "t" with the bytes 1, 2, 3.
#[test]
fn bytes_come_and_go_as_binary_frames() {
    v2(r#"
        > ["1","1","t","phx_join",{}]
        . subscribe 1 t {} fresh
        ! subscribed 1 campaign
        < ["1","1","t","phx_reply",{"status":"ok","response":{"gap":false}}]
        > 0x00 01 01 01 05 31 34 74 7370656164 010203
        . perform 1 ask 1 spead 0x010203
        ! answer 1 0x010203
        < 0x01010101023134746f6b010203
        ! publication 1 at=7-58 bytes=0a0b
        < 0x020107746d6573736167650a0b
        > 0x00 00 00 01 01 7465 ff
        . perform 1 unasked e 0xff
        > 0x00 01 01 01 01 39 34 74 65 ff
    "#);
}

#[test]
fn bytes_in_an_envelope_are_text() {
    v2(r#"
        > ["1","1","order.events","phx_join",{}]
        . subscribe 1 order.events {} fresh
        ! subscribed 1 plain
        < ["1","1","order.events","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! publication 1 at=7-58 bytes=0a0b data={"@type":"blob","value":"Cgs="}
        < [null,null,"order.events","event",{"seq":58,"epoch":"7","topic":"order.events","type":"blob","data":{"@type":"blob","value":"Cgs="}}]
    "#);
}

#[test]
fn a_join_or_an_acknowledgement_is_not_made_of_bytes() {
    v2(r#"
        > 0x00 01 01 01 08 31 31 74 7068785f6a6f696e 00
        < ["1","1","t","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"the parameters of a join are an object"}}]
        > ["2","2","t","phx_join",{}]
        . subscribe 1 t {} fresh
        ! subscribed 1 reliable
        < ["2","2","t","phx_reply",{"status":"ok","response":{"gap":false}}]
        > 0x00 01 01 01 03 32 33 74 61636b 2a
        < ["2","3","t","phx_reply",{"status":"error","response":{"code":"InvalidPayload","reason":"an acknowledgement is {\"seq\":42}, or {\"upto\":42} for everything up to there"}}]
        > 0x00 ff
        < close 1007 not a binary push
    "#);
}

#[test]
fn bytes_go_as_text_where_a_client_cannot_be_sent_any() {
    v2_without_binary(
        r#"
        > ["1","1","t","phx_join",{}]
        . subscribe 1 t {} fresh
        ! subscribed 1 campaign
        < ["1","1","t","phx_reply",{"status":"ok","response":{"gap":false}}]
        > 0x00 01 01 01 05 31 34 74 7370656164 010203
        . perform 1 ask 1 spead 0x010203
        ! answer 1 0x010203
        < ["1","4","t","phx_reply",{"status":"ok","response":{"value":"AQID"}}]
        ! publication 1 at=7-58 bytes=0a0b data={"@type":"blob","value":"Cgs="}
        < [null,null,"t","message",{"@type":"blob","value":"Cgs="}]
    "#,
    );
}
