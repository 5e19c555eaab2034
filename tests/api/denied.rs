//! Addresses that are denied until the station stops.

use longwave::{Addresses, ServerSettings};
use longwave_testing::client::Client;
use longwave_testing::until;
use serde_json::{Value, json};

use crate::client::Radio;

const DENIED: &str = "/api/v1/denied";

/// A station behind a trusted proxy, so that clients have addresses of their own.
fn station(differ: impl FnOnce(&mut ServerSettings)) -> Radio {
    Radio::with(
        |server| {
            server.trusted_proxies = vec!["127.0.0.1".into()];
            differ(server);
        },
        |_| {},
    )
}

/// A listener who comes from this address.
fn listener(radio: &Radio, address: &str) -> Client {
    let mut client = Client::new(radio.connect());
    client.send("GET", "/a", &format!("X-Forwarded-For: {address}\r\n"), "");
    client.until(b"\r\n\r\n");
    client
}

/// The status that a request for the stream gets from there.
fn status(radio: &Radio, address: &str) -> u16 {
    let mut client = Client::new(radio.connect());
    client.send("GET", "/a", &format!("X-Forwarded-For: {address}\r\n"), "");
    let head = String::from_utf8(client.until(b"\r\n\r\n")).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn listeners(radio: &Radio, count: usize) -> Vec<Value> {
    let list = || radio.look("/api/v1/listeners").as_array().unwrap().clone();
    until("the listeners are there", || list().len() == count);
    list()
}

#[test]
fn a_listener_is_denied_with_all_of_its_address_and_allowed_again() {
    let radio = station(|_| {});
    let (mut one, mut two) = (listener(&radio, "192.0.2.1"), listener(&radio, "192.0.2.1"));
    let _other = listener(&radio, "192.0.2.2");
    let all = listeners(&radio, 3);
    let id = all.iter().find(|listener| listener["address"] == "192.0.2.1").unwrap()["id"].clone();
    let denied = radio.steer("POST", DENIED, json!({ "listener": id }));
    assert_eq!((denied.status, &denied.json()["address"]), (201, &json!("192.0.2.1")));
    one.to_end();
    two.to_end();
    assert_eq!(listeners(&radio, 1)[0]["address"], "192.0.2.2");
    assert_eq!((status(&radio, "192.0.2.1"), status(&radio, "192.0.2.3")), (403, 200));

    let again = radio.steer("POST", DENIED, json!({ "address": "::ffff:192.0.2.1" }));
    assert_eq!(again.json(), denied.json(), "it is denied once");
    assert_eq!(radio.look(DENIED), json!([denied.json()]));
    let path = format!("{DENIED}/{}", denied.json()["id"]);
    assert_eq!(radio.steer("DELETE", &path, Value::Null).status, 204);
    assert_eq!(radio.steer("DELETE", &path, Value::Null).problem().0, 404);
    assert_eq!((status(&radio, "192.0.2.1"), radio.look(DENIED)), (200, json!([])));
}

#[test]
fn nobody_denies_the_own_address_by_accident() {
    let radio = station(|_| {});
    let _own = listener(&radio, "2001:db8::7");
    let id = listeners(&radio, 1)[0]["id"].clone();
    let from = |address: &str, body: Value| {
        let headers = format!(
            "X-Forwarded-For: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
            radio.admin
        );
        radio.ask("POST", DENIED, &headers, &body.to_string())
    };
    for body in [json!({ "listener": id }), json!({ "address": "2001:db8::1" })] {
        // Its /64 is one client's.
        assert_eq!(from("2001:db8::99", body).problem(), (409, "locks-out".into(), None));
    }
    assert_eq!(radio.look(DENIED), json!([]));
    assert_eq!(from("2001:db8::99", json!({ "listener": id, "even_own": true })).status, 201);
    assert_eq!(status(&radio, "2001:db8::99"), 403);
    assert_eq!(from("2001:db8:0:1::1", json!({ "address": "192.0.2.1" })).status, 201);
}

/// Who may not see an address can deny it all the same.
#[test]
fn an_address_that_is_not_shown_can_be_denied() {
    let radio = station(|server| server.addresses = Addresses::None);
    let _one = listener(&radio, "192.0.2.1");
    let all = listeners(&radio, 1);
    assert_eq!(all[0]["address"], Value::Null);
    let denied = radio.steer("POST", DENIED, json!({ "listener": all[0]["id"] }));
    assert_eq!((denied.status, &denied.json()["address"]), (201, &Value::Null));
    assert_eq!((status(&radio, "192.0.2.1"), status(&radio, "192.0.2.2")), (403, 200));
}

#[test]
fn what_is_no_address_is_refused_and_only_an_admin_denies() {
    let radio = station(|_| {});
    for (body, problem) in [
        (json!({ "address": "10.0.0.0/8" }), (422, "invalid-value", Some("address"))),
        (json!({ "address": "all" }), (422, "invalid-value", Some("address"))),
        (json!({ "listener": 4_711 }), (404, "not-found", None)),
        (json!({}), (400, "invalid-body", None)),
        (json!({ "listener": 1, "address": "192.0.2.1" }), (400, "invalid-body", None)),
        (json!({ "address": "192.0.2.1", "for": 1 }), (400, "invalid-body", Some("for"))),
    ] {
        let (status, code, field) = problem;
        let wanted = (status, code.to_owned(), field.map(str::to_owned));
        assert_eq!(radio.steer("POST", DENIED, body.clone()).problem(), wanted, "{body}");
    }
    let viewer = radio.steer_as(&radio.viewer, "POST", DENIED, json!({ "address": "192.0.2.1" }));
    assert_eq!(viewer.problem().0, 403);
}
