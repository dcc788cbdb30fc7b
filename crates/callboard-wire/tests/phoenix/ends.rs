use crate::v2;

#[test]
fn a_channel_that_breaks_is_joined_again_and_one_that_is_over_is_not() {
    v2(r#"
        > ["1","1","campaign:7","phx_join",{}]
        . subscribe 1 campaign:7 {} fresh
        ! subscribed 1 campaign
        < ["1","1","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! ended 1 Unavailable the store cannot be read
        < ["1","1","campaign:7","phx_error",{"code":"Unavailable","reason":"the store cannot be read"}]
        > ["2","2","campaign:7","phx_join",{}]
        . subscribe 2 campaign:7 {} fresh
        ! subscribed 2 campaign
        < ["2","2","campaign:7","phx_reply",{"status":"ok","response":{"gap":false}}]
        ! ended 2 Denied you left the campaign
        < ["2","2","campaign:7","phx_close",{"code":"Denied","reason":"you left the campaign"}]
    "#);
}

#[test]
fn the_code_of_a_close_says_whether_to_come_back() {
    for (end, close) in [
        ("Draining", "1012 the server restarts"),
        ("Unauthorized", "1008 unauthorized"),
        ("TooSlow", "1013 the client reads too slowly"),
        ("Abuse", "1008 too much, or not what is allowed"),
        ("Gone", "1001 nothing was heard of the client"),
        ("Reconnect", "1001 disconnected by the server"),
        ("Removed", "1000 disconnected by the server for good"),
        ("Internal", "1011 internal error"),
    ] {
        v2(&format!("! end {end}\n < close {close}\n ! end Internal"));
    }
}

#[test]
fn when_a_token_expires_every_channel_is_told() {
    v2(r#"
        > ["1","1","a","phx_join",{}]
        . subscribe 1 a {} fresh
        > ["2","2","b","phx_join",{}]
        . subscribe 2 b {} fresh
        ! end TokenExpired
        < ["1","1","a","phx_error",{"reason":"token expired"}]
        < ["2","2","b","phx_error",{"reason":"token expired"}]
        < close 1008 token expired
        > ["3","3","c","phx_join",{}]
        ! subscribed 1 campaign
    "#);
}

#[test]
fn a_client_of_which_nothing_is_heard_is_given_up() {
    v2(r#"
        ! passed 59
        > [null,"9","phoenix","heartbeat",{}]
        < [null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]
        ! passed 59
        ! passed 1
        < close 1001 nothing was heard of the client
    "#);
}
