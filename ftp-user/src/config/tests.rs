//! Settings as people write them, right and wrong.

use super::*;
use crate::failure::Kind;
use crate::place::{OnUnknown, PasswordSource, SiteLimits, SiteProxy, SiteSettings};
use crate::queue::JobsAtOnce;
use ftp_proto::client::Security;
use std::fs::{Permissions, set_permissions, write};
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The keys of `[defaults]` in these tests.
pub(super) fn with_proxy() -> DefaultKeys {
    let arg = |name: &'static str| clap::Arg::new(name).long(name);
    let options = clap::Command::new("options")
        .arg(arg("trust").value_parser(["ask", "new", "known"]))
        .arg(arg("proxy").value_parser(clap::value_parser!(Proxy)))
        .arg(arg("retries").value_parser(clap::value_parser!(u32)));
    DefaultKeys {
        options,
        daemon: clap::Command::new("daemon"),
        elsewhere: vec![("yes".to_owned(), "on the command line".to_owned())],
    }
}

fn read(text: &str) -> Result<Vec<Relay>, String> {
    let settings = parse(text, Path::new("/etc/x/config.toml"), Some(with_proxy));
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
    let with = |line: &str, expect: &str| check(&relay(&format!("{whole}\n{line}")), expect);
    check("[defaults]\ncolour = 1", "2:1: unknown key \"colour\": [defaults] has proxy, retries, trust");
    check("[defaults]\nyes = true", "2:1: \"yes\" does not belong here: write it on the command line");
    check(
        "[defaults]\nretry = 1",
        "2:1: unknown key \"retry\": [defaults] has proxy, retries, trust; did you mean retries?",
    );
    check("[defaults]\nretries = \"many\"", "2:11: expected a whole number");
    check("retries = 1", "1:1: \"retries\" does not belong here: write it in [defaults]");
    check(
        "[network]\ncongestion = \"b r\"",
        "2:14: write a name as the kernel has it, like bbr: 1 to 15 letters, digits, '-', '_' or '.'",
    );
    check("[network]\nlimit = 1", "2:1: unknown key \"limit\": [network] has congestion");
    check("[relay]\nconsent = \"yes\"", "2:11: write \"never\", \"ask\", \"own\" or \"any\"");
    check(
        "[relay]\nconsents = 1",
        "2:1: unknown key \"consents\": [relay] has consent; did you mean consent?",
    );
    check(
        "[defaults]\nproxy = \"http://h:1\"",
        "2:9: write socks5://HOST:PORT or socks5://USER:***@HOST:PORT",
    );
    check("[defaults]\ntrust = \"always\"", "2:9: expected one of ask, new, known");
    check("[defaults]\ntrust = true", "2:9: expected text in quotes, found boolean");
    check("defaults = 1", "1:12: expected a table: write [defaults]");
    check("\n[[relay]]", "2:1: a relay stands below [[relays]], and [relay] is what holds for all of them");
    check(
        "colour = 1",
        "1:1: unknown key \"colour\": the settings have relays, relay, network, defaults, daemon, sites, tokens, composites",
    );
    check("[relays]", "1:1: write [[relays]], once for each relay");
    check("relays = 7", "1:10: write [[relays]], once for each relay");
    check("relays = [7]", "1:11: expected a table: write [[relays]], once for each relay");
    with(
        "adress = \"h:2\"",
        "5:1: unknown key \"adress\": a relay has name, address, token-file, near; did you mean address?",
    );
    with(
        "token_file = \"u\"",
        "5:1: unknown key \"token_file\": a relay has name, address, token-file, near; did you mean token-file?",
    );
    check(&relay(&whole.replace("\"h:1\"", "\"h\"")), "3:11: write HOST:PORT, IP:PORT or [IPv6]:PORT");
    check(&relay(&whole.replace("\"h:1\"", "\"h:0\"")), "3:11: write HOST:PORT with a port from 1 to 65535");
    check(&relay(&whole.replace("\"h:1\"", "1")), "3:11: expected text in quotes, found integer");
    check(&relay(&whole.replace("\"e\"", "\"\"")), "2:8: a name has 1 to 64 characters, and none of control");
    check(&relay("name = \"e\"\ntoken-file = \"t\""), "1:1: address is missing");
    check(&relay("name = \"e\""), "1:1: address is missing | 1:1: token-file is missing");
    with("near = \"src\"", "5:8: expected a list, like [\"src.example.net\", \"192.0.2.0/24\"]");
    with(
        "near = [\"src\", \"192.0.2.0/33\", 3]",
        "5:16: write a host name or a network, like src.example.net or 192.0.2.0/24 | 5:32: expected text in \
         quotes, found integer",
    );
    check(
        &format!("{}{}", relay(whole), relay(whole)),
        "6:8: two relays have the name \"e\": choose another",
    );
}

fn settings(text: &str) -> Settings {
    parse(text, Path::new("/etc/x/config.toml"), Some(with_proxy)).unwrap()
}

#[test]
fn each_job_of_the_queue_has_its_part_of_what_all_may_use_of_a_site() {
    let text = r#"
[sites.lab]
url = "ftp://h/"
limits = { rate = "1MB", sessions = 5 }
max-jobs = 2
max-sessions = 8
limit = "10MB"
hours = ["22:00-06:00", "sat,sun@00:00-24:00"]

[sites.other]
url = "ftp://i/"
"#;
    let settings = settings(text);
    assert_eq!(settings.shared_limits.len(), 1);
    let hours = settings.shared_limits["lab"].hours.as_ref().unwrap().to_string();
    assert_eq!(hours, "22:00-06:00 sat,sun@00:00-24:00");
    let limits = |settings: &Settings, name: &str| {
        settings.sites.find(name).unwrap().site.named.clone().unwrap().limits
    };
    let number = |number| NonZeroUsize::new(number);
    let up_to = |parallel| JobsAtOnce::UpTo(number(parallel).unwrap());
    let of_job = settings.clone().for_one_of(up_to(4));
    let expect = SiteLimits { rate: NonZeroU64::new(1_000_000), jobs: None, sessions: number(4) };
    assert_eq!(limits(&of_job, "lab"), expect);
    assert_eq!(limits(&of_job, "other"), SiteLimits::default());
    let alone = settings.for_one_of(up_to(1));
    assert_eq!(limits(&alone, "lab").sessions, number(5));
}

#[test]
fn a_site_has_a_url_and_what_holds_for_it_alone() {
    let pin = format!("SHA256:{}", "a".repeat(64));
    let text = format!(
        r#"
[sites.lab]
url = "ftp://ann@lab.example:2121/pub"
password-file = "secrets/lab"
ca = "lab.pem"
trust = "known"
proxy = "socks5://127.0.0.1:1080"
passive-address = "203.0.113.7"
limits = {{ rate = "10MB", jobs = 4, sessions = 8 }}

[sites.work]
url = "ftp://bob@work.example/"
password-command = ["pass", "show", "work"]
pin = ["{pin}"]
proxy = "none"

[sites.work.passive-address]
lab = "10.0.0.5"
"*" = "198.51.100.7"
this-host = "2001:db8::7"

[sites.shell]
url = "ftps://eve@shell.example"
password-command = "pass show shell | head -1"
"#
    );
    let sites = settings(&text).sites;
    let named = |name: &str| sites.find(name).unwrap().site.named.clone().unwrap();
    let shown: Vec<String> = sites.iter().map(|(_, place)| place.site.url()).collect();
    // A pin demands TLS.
    assert_eq!(
        shown,
        ["ftpes://ann@lab.example:2121", "ftps://eve@shell.example", "ftpes://bob@work.example"]
    );
    let lab = named("lab");
    assert_eq!(lab.base.as_ref().map(|base| base.display()).as_deref(), Some("pub"));
    assert_eq!(lab.password, Some(PasswordSource::File("/etc/x/secrets/lab".into())));
    let SiteLimits { rate, jobs, sessions } = lab.limits;
    let numbers = [jobs, sessions].map(|number| number.unwrap().get());
    assert_eq!((rate.unwrap().get(), numbers), (10_000_000, [4, 8]));
    let all = |named: &SiteSettings| -> Vec<(String, String)> {
        named.addresses.0.iter().map(|(peer, at)| (peer.clone(), at.to_string())).collect()
    };
    let pair = |peer: &str, at: &str| (peer.to_owned(), at.to_owned());
    assert_eq!(all(&lab), [pair("*", "203.0.113.7")]);
    let work = named("work");
    assert_eq!(
        all(&work),
        [pair("*", "198.51.100.7"), pair("lab", "10.0.0.5"), pair("this-host", "2001:db8::7")]
    );
    let command =
        |words: &[&str]| Some(PasswordSource::Command(words.iter().map(|word| (*word).to_owned()).collect()));
    assert_eq!(work.password, command(&["pass", "show", "work"]));
    assert_eq!(named("shell").password, command(&["/bin/sh", "-c", "pass show shell | head -1"]));
    assert_eq!((lab.ca.as_deref(), lab.trust), (Some(Path::new("/etc/x/lab.pem")), Some(OnUnknown::Refuse)));
    assert!(matches!(&lab.proxy, Some(SiteProxy::Through(proxy)) if proxy.to_string() == "127.0.0.1:1080"));
    assert_eq!((work.pins.len(), work.proxy.clone()), (1, Some(SiteProxy::None)));
}

#[test]
fn a_site_names_the_relay_that_stands_beside_it() {
    let text = "[[relays]]\nname = \"edge\"\naddress = \"h:1\"\ntoken-file = \"t\"\n\
                [sites.lab]\nurl = \"ftp://h/\"\nrelay = \"edge\"\n";
    let settings = settings(text);
    let (edge, lab) = (settings.relays.iter().next().unwrap(), &settings.sites.find("lab").unwrap().site);
    assert_eq!(lab.named.as_ref().unwrap().relays, ["edge"]);
    assert!(edge.is_near(lab, "192.0.2.7".parse().unwrap()));
}

#[test]
fn every_mistake_of_a_site_is_told_with_its_place() {
    let check = |lines: &str, expect: &str| {
        let text = format!("[sites.lab]\n{lines}\n");
        assert_eq!(read(&text), Err(format!("/etc/x/config.toml:{expect}")), "{text}");
    };
    let url = "url = \"ftp://ann@h/\"";
    let with = |lines: &str, expect: &str| check(&format!("{url}\n{lines}"), expect);
    check("", "1:8: url is missing");
    check("url = 7", "2:7: expected text in quotes, found integer");
    check("url = \"x\"", "2:7: write ftp://USER@HOST/, ftpes:// or ftps://");
    check("url = \"http://h/\"", "2:7: http:// is not supported");
    check(
        "url = \"ftp://ann:s3cret@h/\"",
        "2:7: a password does not belong here: use password-file or password-command",
    );
    check("url = \"ftp://h/*.txt\"", "2:7: the URL of a site has no *, ? and [: write %2A, %3F and %5B");
    check(
        "url = \"ftp://h/\"\npassword-file = \"x\"",
        "2:7: a password needs its user: write ftp://USER@HOST/",
    );
    with("pasword-file = \"x\"", "3:1: unknown key \"pasword-file\"; did you mean password-file?");
    with(
        "password-file = \"x\"\npassword-command = \"y\"",
        "4:20: password-file and password-command: leave one of them out",
    );
    with("password-command = []", "3:20: expected a program with its arguments");
    with("pin = \"SHA256:x\"", "3:7: expected a fingerprint, SHA256: and 64 hexadecimal digits");
    with("trust = \"x\"", "3:9: write \"ask\", \"new\" or \"known\"");
    with("relay = \"x\"", "3:9: no relay is called \"x\": name one of [[relays]]");
    let address = "expected the address of a host, like 192.0.2.7 or 2001:db8::7";
    with("passive-address = \"h\"", &format!("3:19: {address}"));
    with("passive-address = { \"*\" = \"0.0.0.0\" }", &format!("3:27: {address}"));
    with(
        "passive-address = { lap = \"192.0.2.7\" }",
        "3:21: no peer is called \"lap\": a peer is the name of a site, \"this-host\", or \"*\" for all; did \
         you mean lab?",
    );
    with("limits = { jobs = 0 }", "3:19: expected a number from 1 to 64");
    with("limits = { rate = \"x\" }", "3:19: expected bytes per second, like \"10MB\" or \"2MiB\"");
    with(
        "limits = { job = 1 }",
        "3:12: unknown key \"job\": limits are rate, jobs, sessions; did you mean jobs?",
    );
    with("max-sessions = 1", "3:16: expected a number from 2 to 64");
    let hours = "hours are like 22:00-06:00 or sat,sun@00:00-24:00";
    with("hours = [\"22:00-06:00\", \"x\"]", &format!("3:25: \"x\" is not a time of the week: {hours}"));
    with("hours = []", "3:9: leave hours out if there are none");
    let named = |name: &str, expect: &str| {
        let text = format!("[sites.{name}]\n{url}\n");
        assert_eq!(read(&text), Err(format!("/etc/x/config.toml:{expect}")), "{text}");
    };
    named("ftp", "1:8: \"ftp\" cannot be the name of a site: it is the beginning of a URL");
    let plain = "a name has 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or a digit";
    named("-x", &format!("1:8: \"-x\" cannot be the name of a site: {plain}"));
    assert_eq!(read("sites = 7"), Err("/etc/x/config.toml:1:9: expected a table: write [sites]".to_owned()));
}

#[test]
fn a_site_that_says_which_certificates_are_good_demands_tls() {
    let security = |line: &str, url: &str| {
        let sites = settings(&format!("[sites.lab]\nurl = \"{url}\"\n{line}\n")).sites;
        sites.find("lab").unwrap().site.security
    };
    let pin = format!("pin = \"SHA256:{}\"", "0".repeat(64));
    for line in [pin.as_str(), "ca = \"lab.pem\"", "trust = \"known\""] {
        assert_eq!(security(line, "ftp://h/"), Security::Explicit, "{line}");
        assert_eq!(security(line, "ftps://h/"), Security::Implicit, "{line}");
    }
    for line in ["", "trust = \"new\"", "trust = \"ask\""] {
        assert_eq!(security(line, "ftp://h/"), Security::Offered, "{line}");
    }
}

#[test]
fn the_default_of_trust_is_read() {
    let trust = |text: &str| settings(text).trust;
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
    let relays = || Relays::from([Relay::unnamed("192.0.2.9:2190".parse().unwrap(), file.clone())]);
    let said = |words: &str| {
        let failure = check_tokens(&relays()).unwrap_err();
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
    assert_eq!(check_tokens(&relays()), Ok(()));
    assert_eq!(check_tokens(&Relays::default()), Ok(()));
}
