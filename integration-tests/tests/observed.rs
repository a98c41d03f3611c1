//! What the packages give to Prometheus and Grafana asks only for what a daemon tells.

use integration_tests::site::{PASSWORD, Site, without_password};
use integration_tests::user::user;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A file of the tree.
fn read(path: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(top.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The page of metrics of a daemon that has carried a job.
fn metrics() -> String {
    let netrc = format!("machine 127.0.0.2 login ann password {PASSWORD}\n");
    let daemon = user().private_file(".netrc", netrc).args(["--state", "state", "daemon"]).start();
    daemon.wait_for("carrying the jobs of the queue");
    let state = daemon.home().join("state");
    let server = Site::new("source").file("from", "some bytes").start();
    let copy = user().private_file(".netrc", format!("machine 127.0.0.2 login ann password {PASSWORD}\n"));
    let from = without_password(&server.url("from"));
    copy.args(["--state", state.to_str().unwrap(), "copy", "--queue", "--wait", &from, "to"]).run().exits(0);
    let page = page_of(&state);
    daemon.end_with(Signal::TERM).exits(0);
    page
}

/// The page of metrics of the daemon that has this state directory.
pub(crate) fn page_of(state: &Path) -> String {
    let mut stream = UnixStream::connect(state.join("daemon.sock")).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// The metrics of ftp-user that a text names.
fn named(text: &str) -> BTreeSet<&str> {
    let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    text.split(ends).filter(|word| word.starts_with("ftp_user_")).collect()
}

/// The states that a text asks for.
fn states(text: &str) -> BTreeSet<&str> {
    let values = text.split("state=").skip(1).filter_map(|rest| {
        let value = rest.trim_start_matches(['~', '\\', '"']);
        value.split(['\\', '"']).next()
    });
    values.flat_map(|value| value.split('|')).collect()
}

/// Every text of a value that stands under this key, at any depth.
fn under<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| under(value, key, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    _ => under(value, key, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The lines of the rules that are not of the simple YAML in which they are written: keys with a value on the same line, or with
/// more lines that are further in.
fn odd_lines(rules: &str) -> Vec<&str> {
    let mut folded = None;
    let is_odd = |line: &&str| {
        let text = line.trim_start_matches(' ');
        let depth = line.len() - text.len();
        if text.is_empty() || text.starts_with('#') || folded.is_some_and(|start| depth > start) {
            return line.contains('\t');
        }
        folded = None;
        let item = text.strip_prefix("- ").unwrap_or(text);
        let Some((key, value)) = item.split_once(':') else { return true };
        let value = value.trim_start();
        if value == ">-" {
            folded = Some(depth + text.len() - item.len());
        }
        let is_quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        let is_plain = !value.contains(": ") && !value.contains(" #") && !value.contains('"');
        let is_bare = is_plain
            || (key == "expr" && value.starts_with(|first: char| first.is_alphabetic() || first == '('));
        !key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
            || depth % 2 == 1
            || (!is_quoted && !is_bare)
    };
    rules.lines().filter(is_odd).collect()
}

#[test]
fn the_dashboard_and_the_rules_name_only_metrics_and_states_that_a_daemon_tells() {
    let page = metrics();
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    let samples = samples.join("\n");
    let (told, told_states) = (named(&samples), states(&samples));
    assert!(told.contains("ftp_user_jobs") && told_states.len() == 9, "{page}");
    for file in ["packaging/ftp-user/dashboard.json", "packaging/ftp-user/alerts.yml"] {
        let text = read(file);
        assert!(named(&text).is_subset(&told), "{file}: {:?}", named(&text).difference(&told));
        assert!(
            states(&text).is_subset(&told_states),
            "{file}: {:?}",
            states(&text).difference(&told_states)
        );
    }
    // The page of the guide has all of them.
    assert_eq!(named(&read("docs/guide/from-one-terminal.md")), told);
}

#[test]
fn the_dashboard_is_json_and_each_of_its_panels_asks_for_something() {
    let dashboard: Value = serde_json::from_str(&read("packaging/ftp-user/dashboard.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let mut asked = Vec::new();
        under(panel, "expr", &mut asked);
        assert!(!asked.is_empty() && asked.iter().all(|asked| !named(asked).is_empty()), "{panel}");
    }
}

#[test]
fn the_rules_are_plain_yaml_and_each_says_what_to_do() {
    let rules = read("packaging/ftp-user/alerts.yml");
    assert_eq!(odd_lines(&rules), [""; 0]);
    for alert in rules.split("- alert: ").skip(1) {
        for key in
            ["\n        expr: ", "\n          severity: ", "\n          summary: ", "\n          remedy: "]
        {
            assert!(alert.contains(key), "{key:?} is missing: {alert}");
        }
    }
    assert!(rules.contains("- alert: "));
    let odd = ["a: b: c", "a: \"b", " a: b", "a", "\ta: b"];
    assert_eq!(odd_lines(&odd.join("\n")), odd);
    assert!(odd_lines("a:\n  - b: >-\n      c: \"d\n    e: \"f: g\"\n").is_empty());
}
