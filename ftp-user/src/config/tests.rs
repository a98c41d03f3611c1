//! Settings as people write them, right and wrong.

use super::*;
use crate::failure::Kind;
use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn read(text: &str) -> Result<Vec<Relay>, String> {
    let settings = parse(text, Path::new("/etc/x/config.toml"));
    settings.map(|settings| settings.relays.iter().cloned().collect()).map_err(|failure| {
        assert_eq!(failure.kind, Kind::Usage);
        failure.to_string()
    })
}

#[test]
fn relays_are_read_in_their_order() {
    let text = r#"
[[relays]]
name = "edge"
address = "relay.example.net:2190"
token-file = "edge.token"
near = ["src.example.net", "192.0.2.0/24"]

[[relays]]
name = "other"
address = "[2001:db8::1]:443"
token-file = "/etc/other.token"
"#;
    let near = vec!["src.example.net".parse().unwrap(), "192.0.2.0/24".parse().unwrap()];
    let edge = Relay {
        name: "edge".to_owned(),
        address: "relay.example.net:2190".parse().unwrap(),
        token_file: "/etc/x/edge.token".into(),
        near,
    };
    let other = Relay {
        name: "other".to_owned(),
        address: "[2001:db8::1]:443".parse().unwrap(),
        token_file: "/etc/other.token".into(),
        near: Vec::new(),
    };
    assert_eq!(read(text), Ok(vec![edge, other]));
    assert_eq!(read(""), Ok(Vec::new()));
    assert_eq!(read("relays = []"), Ok(Vec::new()));
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_was_expected() {
    let check = |text: &str, expect: &str| {
        assert_eq!(read(text), Err(format!("/etc/x/config.toml:{expect}")), "{text}");
    };
    let relay = |lines: &str| format!("[[relays]]\n{lines}\n");
    let whole = "name = \"e\"\naddress = \"h:1\"\ntoken-file = \"t\"";
    check("[sites.a]\nurl = \"x\"", "1:2: [sites] is not built in yet: leave it out; URLs name servers");
    check("[defaults]\ncolour = 1", "2:1: unknown key \"colour\": [defaults] has trust, proxy");
    check("[relay]\nconsent = \"yes\"", "2:11: write \"never\", \"ask\", \"own\" or \"any\"");
    check(
        "[relay]\nconsents = 1",
        "2:1: unknown key \"consents\": [relay] has consent; did you mean consent?",
    );
    check(
        "[defaults]\nproxy = \"http://h:1\"",
        "2:9: write socks5://HOST:PORT or socks5://USER:***@HOST:PORT",
    );
    check("[defaults]\ntrust = \"always\"", "2:9: write \"ask\", \"new\" or \"known\"");
    check("[defaults]\ntrust = true", "2:9: expected text in quotes, found boolean");
    check("defaults = 1", "1:12: expected a table: write [defaults]");
    check("\n[[relay]]", "2:1: a relay stands below [[relays]], and [relay] is what holds for all of them");
    check("colour = 1", "1:1: unknown key \"colour\": the settings have relays, relay, defaults");
    check("[relays]", "1:1: write [[relays]], once for each relay");
    check("relays = 7", "1:10: write [[relays]], once for each relay");
    check("relays = [7]", "1:11: expected a table: write [[relays]], once for each relay");
    check(
        &relay(&format!("{whole}\nadress = \"h:2\"")),
        "5:1: unknown key \"adress\": a relay has name, address, token-file, near; did you mean address?",
    );
    check(
        &relay(&format!("{whole}\ntoken_file = \"u\"")),
        "5:1: unknown key \"token_file\": a relay has name, address, token-file, near; did you mean token-file?",
    );
    check(&relay(&whole.replace("\"h:1\"", "\"h\"")), "3:11: write HOST:PORT, IP:PORT or [IPv6]:PORT");
    check(&relay(&whole.replace("\"h:1\"", "\"h:0\"")), "3:11: write HOST:PORT with a port from 1 to 65535");
    check(&relay(&whole.replace("\"h:1\"", "1")), "3:11: expected text in quotes, found integer");
    check(&relay(&whole.replace("\"e\"", "\"\"")), "2:8: a name has 1 to 64 characters, and none of control");
    check(&relay("name = \"e\"\ntoken-file = \"t\""), "1:1: address is missing");
    check(&relay("name = \"e\""), "1:1: address is missing | 1:1: token-file is missing");
    check(
        &relay(&format!("{whole}\nnear = \"src\"")),
        "5:8: expected a list, like [\"src.example.net\", \"192.0.2.0/24\"]",
    );
    check(
        &relay(&format!("{whole}\nnear = [\"src\", \"192.0.2.0/33\", 3]")),
        "5:16: write a host name or a network, like src.example.net or 192.0.2.0/24 | 5:32: expected text in \
         quotes, found integer",
    );
    check(
        &format!("{}{}", relay(whole), relay(whole)),
        "6:8: two relays have the name \"e\": choose another",
    );
}

#[test]
fn the_default_of_trust_is_read() {
    let trust = |text: &str| parse(text, Path::new("x.toml")).unwrap().trust;
    assert_eq!(trust(""), None);
    assert_eq!(trust("[defaults]"), None);
    for (word, expect) in [("ask", OnUnknown::Ask), ("new", OnUnknown::Keep), ("known", OnUnknown::Refuse)] {
        assert_eq!(trust(&format!("[defaults]\ntrust = \"{word}\"")), Some(expect));
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    for (text, place) in [("[[relays]]\nname = \"e\n", ":2:"), ("relays = [\n", ":1:"), ("é = 1", ":1:1:")] {
        let said = read(text).unwrap_err();
        assert!(said.starts_with(&format!("/etc/x/config.toml{place}")), "{said}");
        assert!(!said.contains('\n'), "one line: {said}");
    }
}

#[test]
fn a_token_file_that_cannot_be_used_is_found_early() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let relays = || Relays::new([Relay::unnamed("192.0.2.9:2190".parse().unwrap(), file.clone())]);
    let said = |words: &str| {
        let failure = relays().check().unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        let said = failure.to_string();
        assert!(said.contains("the relay 192.0.2.9:2190") && said.contains(words), "{said}");
    };
    said("no such file or directory");
    let token = Token::new("ann", None, [7; 32]).unwrap();
    write(&file, token.line().as_str()).unwrap();
    set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    said("chmod 600");
    set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(relays().check(), Ok(()));
    assert_eq!(Relays::default().check(), Ok(()));
}
